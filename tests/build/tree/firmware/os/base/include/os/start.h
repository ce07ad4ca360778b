// SPDX-License-Identifier: Apache-2.0
#pragma once

void os_init_components(void);
