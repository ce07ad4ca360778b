// SPDX-License-Identifier: Apache-2.0
// ASSERT on the host: it ends the test.
#pragma once
#include "check.h"

#define ASSERT(condition) CHECK(condition)
