// SPDX-License-Identifier: Apache-2.0
// Where lwIP asks our layer. Included by lwIP's own sources.
#pragma once
#include "lwip/err.h"
#include "lwip/opt.h"
#include <stdint.h>

struct tcp_pcb;

#if LWIP_TCP
// net/tcp: the initial sequence number. lwIP passes the addresses of a connection that is about to
// open; ours takes the connection, to set its first window too (both callers name it `pcb`).
uint32_t net_tcp_opening(struct tcp_pcb *pcb);
#define LWIP_HOOK_TCP_ISN(local_ip, local_port, remote_ip, remote_port) net_tcp_opening(pcb)

// net/tcp: ERR_OK to go on with a segment that came for `pcb`.
err_t net_tcp_admit(struct tcp_pcb *pcb);
#define LWIP_HOOK_TCP_INPACKET_PCB(pcb, hdr, options, options_1, options_2, p) net_tcp_admit(pcb)
#endif
