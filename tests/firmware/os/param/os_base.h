// SPDX-License-Identifier: Apache-2.0
// Stands in for the generated parameters where os/base is compiled for the host.
#pragma once
#define PARAM_OS_BASE_WATCHDOG_MS 1000
