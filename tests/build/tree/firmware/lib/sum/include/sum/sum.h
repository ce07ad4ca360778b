// SPDX-License-Identifier: Apache-2.0
#pragma once

int sum(const char *text);
