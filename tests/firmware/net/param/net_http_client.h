// SPDX-License-Identifier: Apache-2.0
// The client as the host test has it.
#pragma once

#define PARAM_NET_HTTP_CLIENT_KEEP_MS 4000
