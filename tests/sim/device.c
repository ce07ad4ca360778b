// SPDX-License-Identifier: Apache-2.0
// The real bootloader on the simulated flash, and a stand-in for what the image does.
#include "device.h"

#include "board_stub.h"

// The bootloader itself: included, so that its RAM can be cleared as a reset does.
#include "../../firmware/boot/main.c"

#include "slots/writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { FILE_BYTES_MAX = 1 << 20, BOOTS_MAX = 60, INSTALL_ATTEMPTS = 6 };

struct hal_uart {
    int nothing;
};
const struct hal_uart board_uart;
struct hal_flash board_flash_now;
struct hal_layout board_layout_now;
uint32_t device_count;
uint32_t device_boots;
uint32_t device_resumes;
uint8_t hal_retained[1024];
struct image_file images[IMAGES_MAX];
int n_images;
struct handover handover;
char console[4096];

static jmp_buf boot_left;
static uint8_t identity_record[512];
static uint8_t params_block[BOOT_PARAMS_BYTES];
static struct slot_writer writer;

// ------------------------------------------------------------------------------- hal for the host

void board_init(void) {
}

int hal_wdt_start(uint32_t timeout_ms) {
    return timeout_ms > 0 ? 0 : ERR_RANGE;
}

void hal_wdt_feed(void) {
}

uint64_t hal_timer_us(void) {
    return 1;
}

void hal_uart_write(const struct hal_uart *u, const void *data, size_t size) {
    (void)u;
    size_t used = strlen(console);
    size_t room = sizeof(console) - 1 - used;
    memcpy(console + used, data, size < room ? size : room);
}

_Noreturn void hal_reset_now(void) {
    sim_fail(__FILE__, __LINE__, "the bootloader reset itself");
}

void hal_idle_for(uint32_t us) {
    (void)us;
    longjmp(boot_left, BOOT_STUCK + 1);
}

_Noreturn void hal_jump(uintptr_t body, const struct handover *h) {
    handover = *h;
    SIM_CHECK(h == (const struct handover *)(hal_retained + RETAINED_HANDOVER_OFFSET));
    SIM_CHECK(h->crc == crc32(0, h, offsetof(struct handover, crc)));
    SIM_CHECK(body == h->slot_base + 0x200);
    longjmp(boot_left, BOOT_JUMPED + 1);
}

// --------------------------------------------------------------------------------------- device

enum boot_end device_boot(enum reset_reason reason) {
    memset(&boot, 0, sizeof(boot));
    memset(console, 0, sizeof(console));
    memset(hal_retained, 0xA5, sizeof(hal_retained));
    if (reason != RESET_POWER_ON) {
        hal_reset_cause_set(reason);
    }
    device_boots++;
    if (setjmp(nor.power_lost) != 0) {
        return BOOT_POWER_LOST;
    }
    int left = setjmp(boot_left);
    if (left == 0) {
        hal_main(NULL);
    }
    return (enum boot_end)(left - 1);
}

static const struct image_file *running(void) {
    for (int i = 0; i < n_images; i++) {
        if (memcmp(images[i].digest, handover.image_digest, 32) == 0) {
            return &images[i];
        }
    }
    sim_fail(__FILE__, __LINE__, "an image runs that nobody signed");
}

// What must hold whenever an image has been started.
static void check_started(void) {
    const struct image_file *image = running();
    const struct hal_area *area = &board_layout.slot[handover.slot];
    SIM_CHECK(nor_is_whole(area->offset, image->placed[handover.slot], image->size));
    SIM_CHECK(handover.boot_count > device_count);
    device_count = handover.boot_count;
}

static int install(struct journal *j, const struct image_file *image, int slot) {
    struct slot_writer_job job = {.slot = slot,
                                  .running_slot = handover.slot,
                                  .size = image->size,
                                  .counter = image->counter,
                                  .chunk_bytes = nor.geometry->chunk_bytes};
    uint8_t blob[32];
    uint8_t expected[32];
    memcpy(job.digest, image->digest, sizeof(job.digest));
    int err = slot_writer_begin(&writer, j, &board_layout, &job);
    device_resumes += err == 0 && writer.offset > 0;
    while (err == 0 && writer.offset < image->size) {
        uint32_t left = image->size - writer.offset;
        uint32_t piece = 1 + nor_random() % 3000; // as a network delivers it
        err = slot_writer_write(&writer, image->bytes + writer.offset, piece < left ? piece : left);
    }
    if (err == 0) {
        err = slot_writer_finish(&writer, blob);
    }
    if (err < 0) {
        return err;
    }
    sha256(image->bytes, image->size, expected);
    SIM_CHECK(memcmp(blob, expected, sizeof(blob)) == 0);
    struct image_info info;
    err = slot_check(&boot.policy, slot, &info);
    return err < 0 ? err : slot_writer_ready(&writer);
}

static int install_at_last(struct journal *j, const struct image_file *image, int slot) {
    int err = ERR_IO;
    // A unit that a cut spent without a trace makes one attempt fail; the next starts behind it.
    for (int attempt = 0; attempt < INSTALL_ATTEMPTS && err < 0; attempt++) {
        err = install(j, image, slot);
    }
    SIM_CHECK(err == 0);
    return err;
}

// One run of the image. The reset it ends with, or 0 when the goal is reached.
static enum reset_reason run_image(struct goal goal) {
    struct journal j;
    struct slot_record own;
    struct slot_record other;
    int slot = handover.slot;
    const struct image_file *wanted = &images[goal.image];
    SIM_CHECK(journal_open(&j, &board_layout, JOURNAL_AT_RUN) == 0);
    slot_get(&j, slot, &own);
    slot_get(&j, !slot, &other);
    SIM_CHECK(own.state == handover.state);
    bool is_wanted = memcmp(own.digest, wanted->digest, 32) == 0;
    if (goal.behaviour == OTHER_CRASHES && !is_wanted) {
        return RESET_WATCHDOG;
    }
    if (own.state == SLOT_TRYING && is_wanted && goal.behaviour == CRASHES) {
        return RESET_WATCHDOG;
    }
    if (own.state == SLOT_TRYING && is_wanted && goal.behaviour == GIVES_UP) {
        own.state = SLOT_REVERTED;
        own.reason = SLOT_REASON_NOT_CONFIRMED;
        SIM_CHECK(slot_put(&j, slot, &own) == 0);
        return RESET_UPDATE;
    }
    if (own.state == SLOT_TRYING) {
        own.state = SLOT_CONFIRMED;
        own.flags = SLOT_WAS_CONFIRMED;
        SIM_CHECK(slot_put(&j, slot, &own) == 0);
    }
    if (is_wanted) {
        return 0;
    }
    if (memcmp(other.digest, wanted->digest, 32) == 0) {
        if (other.state == SLOT_BAD || other.state == SLOT_REVERTED) {
            return 0;
        }
        if (other.state == SLOT_READY) {
            return RESET_UPDATE;
        }
    }
    install_at_last(&j, wanted, !slot);
    return RESET_UPDATE;
}

uint32_t device_drive(struct goal goal, enum reset_reason reason) {
    volatile enum reset_reason next = reason;
    for (volatile uint32_t n = 1; n < BOOTS_MAX; n++) {
        enum boot_end end = device_boot(next);
        next = RESET_POWER_ON;
        if (end == BOOT_POWER_LOST) {
            continue;
        }
        SIM_CHECK(end == BOOT_JUMPED);
        check_started();
        if (setjmp(nor.power_lost) != 0) {
            continue;
        }
        next = run_image(goal);
        if (next == 0) {
            return n;
        }
    }
    sim_fail(__FILE__, __LINE__, "the goal is not reached");
}

// ---------------------------------------------------------------------------------------- set-up

static uint32_t load(const char *folder, const char *name, uint8_t *to, uint32_t size) {
    char path[512];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *f = fopen(path, "rb");
    if (f == NULL) {
        return 0;
    }
    uint32_t got = (uint32_t)fread(to, 1, size, f);
    fclose(f);
    return got;
}

static void load_images(const char *folder) {
    static uint8_t bytes[FILE_BYTES_MAX];
    for (n_images = 0; n_images < IMAGES_MAX; n_images++) {
        struct image_file *image = &images[n_images];
        char name[32];
        snprintf(name, sizeof(name), "image%d.bin", n_images);
        image->size = load(folder, name, bytes, sizeof(bytes));
        if (image->size == 0) {
            break;
        }
        image->bytes = malloc(image->size);
        memcpy(image->bytes, bytes, image->size);
        image->counter = (uint32_t)n_images;
        snprintf(name, sizeof(name), "image%d.digest", n_images);
        SIM_CHECK(load(folder, name, image->digest, 32) == 32);
        for (int slot = 0; slot < SLOT_COUNT; slot++) {
            snprintf(name, sizeof(name), "image%d.slot%d", n_images, slot);
            image->placed[slot] = malloc(image->size);
            SIM_CHECK(load(folder, name, image->placed[slot], image->size) == image->size);
        }
    }
    SIM_CHECK(n_images > 0);
}

void device_load(const char *folder, const struct geometry *geometry) {
    for (int i = 0; i < n_images; i++) {
        free(images[i].bytes);
        free(images[i].placed[0]);
        free(images[i].placed[1]);
    }
    SIM_CHECK(load(folder, "boot_params.bin", params_block, sizeof(params_block)) ==
              sizeof(params_block));
    SIM_CHECK(load(folder, "identity.bin", identity_record, sizeof(identity_record)) ==
              sizeof(identity_record));
    load_images(folder);
    // What `unitool provision` does to the binary: the block is constant for the compiler.
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t start = (uintptr_t)boot_params & ~(page - 1);
    SIM_CHECK(mprotect((void *)start, (uintptr_t)boot_params + BOOT_PARAMS_BYTES - start,
                       PROT_READ | PROT_WRITE) == 0);
    memcpy((uint8_t *)(uintptr_t)boot_params, params_block, sizeof(params_block));
    nor_use(geometry);
    board_flash_now = geometry->flash;
    board_layout_now = geometry->layout;
    board_layout_now.flash = &board_flash_now;
}

void device_make(int image) {
    struct journal j;
    nor_use(nor.geometry);
    device_count = 0;
    uint8_t padded[sizeof(identity_record)];
    memcpy(padded, identity_record, sizeof(padded));
    SIM_CHECK(
        hal_flash_program(&board_flash, board_layout.identity.offset, padded, sizeof(padded)) == 0);
    SIM_CHECK(journal_open(&j, &board_layout, JOURNAL_AT_BOOT) == 0);
    handover.slot = SLOT_B;
    read_params();
    SIM_CHECK(trust_load(&boot.keys, boot.keyset, &board_layout, &j, &boot.params) == 0);
    boot.policy =
        (struct slot_policy){.layout = &board_layout, .params = &boot.params, .keys = &boot.keys};
    install_at_last(&j, &images[image], SLOT_A);
    struct slot_record r;
    slot_get(&j, SLOT_A, &r);
    r.state = SLOT_CONFIRMED;
    r.flags = SLOT_WAS_CONFIRMED;
    SIM_CHECK(slot_put(&j, SLOT_A, &r) == 0);
    device_drive((struct goal){image, CONFIRMS}, RESET_POWER_ON);
}
