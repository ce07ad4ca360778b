// SPDX-License-Identifier: Apache-2.0
#pragma once

int tcp_init(void);
int tcp_send(const char *text);
