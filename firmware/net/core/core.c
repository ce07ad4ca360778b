// SPDX-License-Identifier: Apache-2.0
// lwIP on board_netif: frames in and out without copies, its timers, and the state of the network.
#include "core.h"

#include "hal/err.h"
#include "hal/netif.h"
#include "hal/timer.h"
#include "lwip/dns.h"
#include "lwip/etharp.h"
#include "lwip/init.h"
#include "lwip/sys.h"
#include "lwip/timeouts.h"
#include "netif/ethernet.h"
#include "os/log.h"
#include "os/random.h"
#include "os/sched.h"
#include "os/time.h"

enum {
    FRAMES_PER_TURN = 16, // then others have a turn
    PARTS_MAX = TCP_SND_QUEUELEN + 2,
    SEND_WAIT_US = 2000,
};

static struct {
    struct netif netif;
    struct os_poller poller;
    struct os_timer tell;
    struct net_watcher *watchers;
    uint32_t dns_server;
    bool is_up;
    char hostname[NET_HOSTNAME_BYTES];
} net;

// lwIP's view of a received frame, kept in the frame's headroom. ETH_PAD_SIZE bytes of the headroom
// are padding in lwIP's eyes.
_Static_assert(sizeof(struct pbuf_custom) <= HAL_NET_HEADROOM_BYTES - ETH_PAD_SIZE, "headroom");

uint32_t sys_now(void) {
    return os_now_ms();
}

unsigned net_random(void) {
    uint32_t value;
    os_random(&value, sizeof(value));
    return value;
}

static void release(struct pbuf *p) {
    board_netif->ops->release(board_netif, (uint8_t *)p + HAL_NET_HEADROOM_BYTES);
}

static void input(const struct hal_net_frame *frame) {
    struct pbuf_custom *custom =
        (struct pbuf_custom *)(void *)(frame->data - HAL_NET_HEADROOM_BYTES);
    custom->custom_free_function = release;
    uint16_t size = (uint16_t)(frame->size + ETH_PAD_SIZE);
    struct pbuf *p =
        pbuf_alloced_custom(PBUF_RAW, size, PBUF_REF, custom, frame->data - ETH_PAD_SIZE, size);
    if (net.netif.input(p, &net.netif) != ERR_OK) {
        pbuf_free(p);
    }
}

static void take_back(void) {
    struct pbuf *p;
    while ((p = board_netif->ops->sent(board_netif)) != NULL) {
        pbuf_free(p);
    }
}

// Hand a frame to the device; one that is full for a moment is waited for, since lwIP would lose
// it.
static int send_parts(const struct hal_net_part *parts, uint32_t n_parts, struct pbuf *owner) {
    int err = board_netif->ops->send(board_netif, parts, n_parts, owner);
    if (err != ERR_BUSY) {
        return err;
    }
    uint64_t end_us = hal_timer_us() + SEND_WAIT_US;
    do {
        take_back();
        err = board_netif->ops->send(board_netif, parts, n_parts, owner);
    } while (err == ERR_BUSY && hal_timer_us() < end_us);
    return err;
}

static err_t output(struct netif *netif, struct pbuf *p) {
    (void)netif;
    struct hal_net_part parts[PARTS_MAX];
    uint32_t n_parts = 0;
    uint16_t skip = ETH_PAD_SIZE;
    for (struct pbuf *q = p; q != NULL; q = q->next) {
        if (q->len > skip) {
            if (n_parts == PARTS_MAX) {
                return ERR_VAL;
            }
            parts[n_parts++] = (struct hal_net_part){(uint8_t *)q->payload + skip, q->len - skip};
        }
        skip = 0;
    }
    take_back();
    pbuf_ref(p);
    int err = send_parts(parts, n_parts, p);
    if (err <= 0) {
        pbuf_free(p); // copied, or not sent at all
    }
    return err < 0 ? ERR_IF : ERR_OK;
}

static uint32_t poll(struct os_poller *poller) {
    (void)poller;
    take_back();
    struct hal_net_frame frame;
    uint32_t frames = 0;
    while (frames < FRAMES_PER_TURN && board_netif->ops->receive(board_netif, &frame) > 0) {
        input(&frame);
        frames++;
    }
    sys_check_timeouts();
    return frames == FRAMES_PER_TURN ? 0 : sys_timeouts_sleeptime();
}

static void tell_watchers(struct os_timer *timer) {
    (void)timer;
    for (struct net_watcher *w = net.watchers; w != NULL && net.is_up; w = w->next) {
        if (!w->told) {
            w->told = true;
            w->fn(w);
        }
    }
}

static void on_status(struct netif *netif) {
    bool is_up = netif_is_up(netif) && !ip4_addr_isany_val(*netif_ip4_addr(netif));
    if (is_up == net.is_up) {
        return;
    }
    net.is_up = is_up;
    char text[NET_ADDRESS_TEXT_BYTES];
    if (!is_up) {
        LOG("net: down");
        return;
    }
    LOG("net: up, %s", net_address_text(net_address(), text));
    for (struct net_watcher *w = net.watchers; w != NULL; w = w->next) {
        w->told = false;
    }
    os_timer_start(&net.tell, 0, tell_watchers);
}

// "unitool-" and the last three octets of the station address: what DHCP servers list.
static void make_hostname(const uint8_t mac[6]) {
    static const char digits[] = "0123456789abcdef";
    static const char prefix[] = "unitool-";
    char *to = net.hostname;
    for (const char *from = prefix; *from != '\0'; from++) {
        *to++ = *from;
    }
    for (uint32_t i = 3; i < 6; i++) {
        *to++ = digits[mac[i] >> 4];
        *to++ = digits[mac[i] & 15];
    }
    *to = '\0';
}

static err_t open(struct netif *netif) {
    if (board_netif->ops->open(board_netif, netif->hwaddr) < 0) {
        return ERR_IF;
    }
    make_hostname(netif->hwaddr);
    netif->hostname = net.hostname;
    netif->hwaddr_len = 6;
    netif->mtu = 1500;
    netif->name[0] = 'e';
    netif->name[1] = 'n';
    netif->flags =
        NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET | NETIF_FLAG_LINK_UP;
    netif->output = etharp_output;
    netif->linkoutput = output;
    return ERR_OK;
}

int net_core_init(void) {
    lwip_init();
    if (netif_add_noaddr(&net.netif, NULL, open, ethernet_input) == NULL) {
        return ERR_IO;
    }
    netif_set_default(&net.netif);
    netif_set_status_callback(&net.netif, on_status);
    netif_set_up(&net.netif);
    net.poller.poll = poll;
    os_poller_add(&net.poller);
    return 0;
}

struct netif *net_netif(void) {
    return &net.netif;
}

bool net_up(void) {
    return net.is_up;
}

void net_on_up(struct net_watcher *watcher, void (*fn)(struct net_watcher *watcher)) {
    watcher->fn = fn;
    watcher->told = false;
    watcher->next = net.watchers;
    net.watchers = watcher;
    if (net.is_up) {
        os_timer_start(&net.tell, 0, tell_watchers);
    }
}

uint32_t net_address(void) {
    return lwip_ntohl(ip4_addr_get_u32(netif_ip4_addr(&net.netif)));
}

uint32_t net_gateway(void) {
    return lwip_ntohl(ip4_addr_get_u32(netif_ip4_gw(&net.netif)));
}

uint32_t net_dns_server(void) {
    return net.is_up ? net.dns_server : 0;
}

void net_set_address(uint32_t address, uint32_t mask, uint32_t gateway, uint32_t dns_server) {
    const ip4_addr_t a = {lwip_htonl(address)};
    const ip4_addr_t m = {lwip_htonl(mask)};
    const ip4_addr_t g = {lwip_htonl(gateway)};
    net.dns_server = dns_server;
    netif_set_addr(&net.netif, &a, &m, &g);
}

// lwIP's resolver is not linked; net/dns is ours. These take its place where lwIP calls it.
void dns_init(void) {
}

void dns_tmr(void) {
}

void dns_setserver(u8_t index, const ip_addr_t *server) {
    if (index == 0) {
        net.dns_server = lwip_ntohl(ip4_addr_get_u32(ip_2_ip4(server)));
    }
}
