// SPDX-License-Identifier: Apache-2.0
#pragma once

_Noreturn void os_panic(const char *reason);
