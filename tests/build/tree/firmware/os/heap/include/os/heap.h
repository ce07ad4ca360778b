// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stddef.h>

void *os_alloc(size_t size);
