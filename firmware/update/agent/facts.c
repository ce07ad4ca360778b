// SPDX-License-Identifier: Apache-2.0
// What the agent knows about its device: identity, keys, slots. Read at start; decides nothing.
#include "agent.h"
#include "hal/board.h"
#include "hal/err.h"
#include "os/boot.h"
#include "os/log.h"
#include <string.h>

int facts_slot_version(int slot, struct image_version *version) {
    const struct hal_layout *layout = agent.layout;
    uint8_t header[IMAGE_HEADER_BYTES];
    struct image_info info;
    int err = hal_flash_read(layout->flash, layout->slot[slot].offset, header, sizeof header);
    if (err == 0) {
        err = image_header(&info, header);
    }
    if (err == 0) {
        *version = info.version;
    }
    return err;
}

void facts_other(struct slot_record *record) {
    int err = slot_get(&agent.journal, agent_other_slot(), record);
    if (err < 0 || record->state == SLOT_UNKNOWN) {
        memset(record, 0, sizeof *record);
        record->state = SLOT_EMPTY;
    }
}

bool facts_generation(uint8_t generation[8]) {
    uint8_t payload[JOURNAL_PAYLOAD_BYTES];
    const struct journal_id id = {.type = JOURNAL_GENERATION};
    if (journal_get(&agent.journal, id, payload, NULL) < 0) {
        return false;
    }
    memcpy(generation, payload, 8);
    return true;
}

static int load_trust(const struct handover *h) {
    if (h->boot_params == 0) {
        return ERR_NOT_FOUND; // started without a bootloader
    }
    int err = boot_params_read(&agent.params, (const uint8_t *)(uintptr_t)h->boot_params);
    if (err < 0) {
        return err;
    }
    err = journal_open(&agent.journal, agent.layout, JOURNAL_AT_RUN);
    if (err < 0) {
        return err;
    }
    return trust_load(&agent.keys, agent.keyset_bytes, agent.layout, &agent.journal, &agent.params);
}

// The keyset's URL outranks the one that was provisioned.
static void choose_url(const struct keyset_key *server, const struct identity *identity) {
    memcpy(agent.base_url, identity->url, sizeof agent.base_url);
    if (server->url && server->url_size > 0 && server->url_size <= IDENTITY_URL_MAX) {
        memcpy(agent.base_url, server->url, server->url_size);
        agent.base_url[server->url_size] = '\0';
    }
    size_t n = strlen(agent.base_url);
    if (n > 0 && agent.base_url[n - 1] == '/') {
        agent.base_url[n - 1] = '\0';
    }
}

char *facts_url(const char *path) {
    size_t base = strlen(agent.base_url);
    size_t n = strlen(path);
    memcpy(agent.url, agent.base_url, base);
    memcpy(agent.url + base, path, n + 1);
    return agent.url + base + n;
}

// Of the two that talk to each other: agent.identity, and the server's key.
static int load_parties(const struct keyset_key **server) {
    int err = identity_load(&agent.identity, agent.layout);
    return err < 0 ? err : keyset_server_key(&agent.keys, server);
}

static int load_identity(void) {
    const struct keyset_key *server;
    int err = load_parties(&server);
    if (err < 0) {
        return err;
    }
    identity_device_id(&agent.identity, agent.device_id);
    memcpy(agent.device_point, agent.identity.public_key, sizeof agent.device_point);
    agent.development = agent.identity.flags & IDENTITY_DEVELOPMENT;
    choose_url(server, &agent.identity);
    return 0;
}

static int make_session(void) {
    static const uint8_t no_token[16];
    const struct keyset_key *server;
    int err = load_parties(&server);
    if (err < 0) {
        return err;
    }
    bool token = memcmp(agent.identity.token, no_token, sizeof no_token) != 0;
    const struct message_party party = {
        .device_id = agent.device_id,
        .device_key = agent.identity.device_key,
        .device_point = agent.device_point,
        .server_point = server->key,
        .token = token ? agent.identity.token : NULL,
    };
    return message_keys(&agent.session, &party);
}

int facts_session(void) {
    if (agent.has_session) {
        return 0;
    }
    int err = make_session();
    memset(&agent.identity, 0, sizeof agent.identity); // its private key has done its work
    agent.has_session = err == 0;
    return err;
}

int facts_load(void) {
    const struct handover *h = os_handover();
    agent.layout = &board_layout;
    agent.running = h->slot == SLOT_B ? SLOT_B : SLOT_A;
    int err = load_trust(h);
    if (err < 0) {
        return err;
    }
    memcpy(agent.running_digest, h->image_digest, sizeof agent.running_digest);
    facts_slot_version(agent.running, &agent.running_version);
    err = load_identity();
    memset(&agent.identity, 0, sizeof agent.identity);
    return err;
}
