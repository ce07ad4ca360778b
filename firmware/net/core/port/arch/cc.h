// SPDX-License-Identifier: Apache-2.0
// What lwIP asks of compiler and platform.
#pragma once
#include <stdlib.h>

#define LWIP_PLATFORM_DIAG(x) ((void)0)
#define LWIP_PLATFORM_ASSERT(x) ((void)0)
#define LWIP_NO_CTYPE_H 1
#define LWIP_NO_UNISTD_H 1

// ETH_PAD_SIZE aligns all headers, so the structs need no packing and loads are whole words.
#define PACK_STRUCT_STRUCT
#define PACK_STRUCT_FIELD(x) x

// One instruction where the CPU has it.
#define lwip_htonl(x) __builtin_bswap32(x)
#define lwip_htons(x) __builtin_bswap16(x)

unsigned net_random(void);
#define LWIP_RAND() net_random()
