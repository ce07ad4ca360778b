// SPDX-License-Identifier: Apache-2.0
// Between the files of this folder only.
#pragma once

// Like LOG, without time and end of line.
void log_part(const char *format, ...);
