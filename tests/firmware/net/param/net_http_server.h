// SPDX-License-Identifier: Apache-2.0
// The server as the host test has it: small, so that everything wraps and runs out.
#pragma once

#define PARAM_NET_HTTP_SERVER_CONNECTIONS 3
#define PARAM_NET_HTTP_SERVER_BUFFER 384
#define PARAM_NET_HTTP_SERVER_IDLE_S 15
