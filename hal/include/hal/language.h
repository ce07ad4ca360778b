// SPDX-License-Identifier: Apache-2.0
// Lets headers be read by C and by C++: declarations stand between C_BEGIN and C_END.
#pragma once

#ifdef __cplusplus
#define C_BEGIN extern "C" {
#define C_END }
#define NORETURN [[noreturn]]
#else
#define C_BEGIN
#define C_END
#define NORETURN _Noreturn
#endif
