// SPDX-License-Identifier: Apache-2.0
// Lets headers be read by C and by C++: declarations stand between C_BEGIN and C_END.
#pragma once

#ifdef __cplusplus
#define C_BEGIN extern "C" {
#define C_END }
#define NORETURN [[noreturn]]
#define STATIC_ASSERT static_assert
#else
#define C_BEGIN
#define C_END
#define NORETURN _Noreturn
#define STATIC_ASSERT _Static_assert
#endif
