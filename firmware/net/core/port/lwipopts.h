// SPDX-License-Identifier: Apache-2.0
// lwIP as unitool uses it: polled, no threads, IPv4. Pools are sized so that each connection
// can use its share and no more; see net/tcp.
#pragma once
#include "hal/checksum.h"

// A component's parameter header exists where the component is selected.
#if __has_include("param/net_dhcp.h")
#define LWIP_DHCP 1
#else
#define LWIP_DHCP 0
#endif
#if __has_include("param/net_tcp.h")
#include "param/net_tcp.h"
#define LWIP_TCP 1
#else
#define PARAM_NET_TCP_CONNECTIONS 0
#define PARAM_NET_TCP_BACKLOG 0
#define LWIP_TCP 0
#endif

#define NO_SYS 1
#define SYS_LIGHTWEIGHT_PROT 0
#define LWIP_SOCKET 0
#define LWIP_NETCONN 0
#define LWIP_NOASSERT 1
#define LWIP_DISABLE_TCP_SANITY_CHECKS 1
#define LWIP_STATS 0
#define MEM_ALIGNMENT 4

#define LWIP_IPV4 1
#define LWIP_IPV6 0
#define LWIP_UDP 1
#define LWIP_RAW 0
#define LWIP_ICMP 1
#define LWIP_DNS 1 // DHCP asks for the server; the resolver is our own, net/dns
#define DNS_MAX_SERVERS 1
#define LWIP_ACD 0
#define LWIP_DHCP_DOES_ACD_CHECK 0
#define IP_REASSEMBLY 0
#define IP_FRAG 0
#define IP_OPTIONS_ALLOWED 0 // nobody honest sends them
#define LWIP_SINGLE_NETIF 1
#define LWIP_NETIF_HOSTNAME 1
#define LWIP_NETIF_STATUS_CALLBACK 1
#define LWIP_NETIF_TX_SINGLE_PBUF 0
#define LWIP_HAVE_LOOPIF 0
#define LWIP_NETIF_LOOPBACK 0

#define ETH_PAD_SIZE 2
#define ARP_TABLE_SIZE 8
#define ARP_QUEUEING 1 // without it a first packet is lost, and the first connection takes seconds
#define ARP_QUEUE_LEN                                                                              \
    (PARAM_NET_TCP_CONNECTIONS + PARAM_NET_TCP_BACKLOG + 2) // all may connect at once
#define MEMP_NUM_ARP_QUEUE ARP_QUEUE_LEN
#define LWIP_SUPPORT_CUSTOM_PBUF 1
#define LWIP_CHECKSUM_ON_COPY 0
#define LWIP_CHKSUM hal_checksum

// One event function instead of six pointers in each connection.
#define LWIP_EVENT_API 1
#define LWIP_CALLBACK_API 0
#define LWIP_ALTCP 0
#define TCP_LISTEN_BACKLOG 0
#define TCP_QUEUE_OOSEQ 0 // nothing received is ever held: a device may have one buffer only
#define TCP_OVERSIZE 0    // everything is sent by reference
#define LWIP_WND_SCALE 0
#define LWIP_TCP_TIMESTAMPS 0
#define LWIP_TCP_SACK_OUT 0
#define TCP_MSS 1460
#define TCP_CALCULATE_EFF_SEND_MSS 0 // the link takes 1460; what the other side offers counts
#define TCP_WND (4 * TCP_MSS)        // the most that net/tcp may grant to one connection
#define TCP_SND_BUF (4 * TCP_MSS)
#define TCP_SND_QUEUELEN 8 // pbufs: a header and a reference for each segment
#define TCP_SNDLOWAT (2 * TCP_MSS)
#define TCP_SNDQUEUELOWAT 4

// Shares: the app's connections and the reserved one. Besides them some that are closing, and
// clients that wait, which have nothing but the segment of the handshake.
#define NET_SHARES (PARAM_NET_TCP_CONNECTIONS + 1)
#define NET_CLOSING 2
#define NET_SEGMENTS (NET_SHARES * (TCP_SND_QUEUELEN / 2 + 1) + PARAM_NET_TCP_BACKLOG)
#define MEMP_NUM_TCP_PCB (NET_SHARES + NET_CLOSING + PARAM_NET_TCP_BACKLOG)
#define MEMP_NUM_TCP_PCB_LISTEN 4
#define MEMP_NUM_TCP_SEG NET_SEGMENTS
#define MEMP_NUM_PBUF (NET_SHARES * (TCP_SND_QUEUELEN - 1))
#define MEMP_NUM_UDP_PCB 2
#define PBUF_POOL_SIZE 0 // frames are received into the driver's buffers
#define PBUF_POOL_BUFSIZE 64
// Headers of segments (80 bytes each with the allocator's) and a kilobyte for ARP, DHCP, DNS, ICMP.
#define MEM_SIZE (NET_SEGMENTS * 80 + 1024)

#define LWIP_HOOK_FILENAME "lwip_hooks.h"
