// SPDX-License-Identifier: Apache-2.0
// Streaming installer: file bytes in, relocated slot out. FORMAT.md section 3, docs/flash.md.
#include "slots/writer.h"

#include "hal/err.h"
#include "hal/wdt.h"

#include <string.h>

enum {
    PHASE_HEADER, // until the 32 bytes are there that say where the body lies
    PHASE_HEAD,   // held until the relocation table, or its absence, is known
    PHASE_BODY,
    PHASE_TAIL, // TLVs
};

enum {
    BODY_HEAD_BYTES = 0x2C, // of the body, up to the words that name table and build id
    PIECE_BYTES = 256,
    // Below this, what was written may not contain the entries that it needs: start again instead.
    RESUME_MIN = IMAGE_HEADER_MAX_BYTES + RELOC_HEAD_MAX_BYTES,
};

static uint32_t min_u32(uint32_t a, uint32_t b) {
    return a < b ? a : b;
}

static uint32_t slot_offset(const struct slot_writer *w, uint32_t file_offset) {
    return w->layout->slot[w->job.slot].offset + file_offset;
}

// The body as far as it has arrived: in flash up to `flushed`, behind it in the buffer.
static int read_body(void *ctx, uint32_t offset, void *to, uint32_t size) {
    const struct slot_writer *w = ctx;
    uint32_t at = w->hdr_size + offset;
    uint32_t in_flash = at < w->flushed ? min_u32(size, w->flushed - at) : 0;
    if (in_flash > 0) {
        int err = hal_flash_read(w->layout->flash, slot_offset(w, at), to, in_flash);
        if (err < 0) {
            return err;
        }
    }
    uint32_t rest = size - in_flash;
    if (rest == 0) {
        return 0;
    }
    uint32_t index = at + in_flash - w->flushed;
    if (index > w->used || rest > w->used - index) {
        return ERR_RANGE;
    }
    memcpy((uint8_t *)to + in_flash, w->buffer + index, rest);
    return 0;
}

// Where the body lies, from the header; the full check is slot_check()'s.
static int read_header(struct slot_writer *w, const uint8_t *header) {
    struct image_info info;
    int err = image_header(&info, header);
    if (err < 0) {
        return err;
    }
    if (info.hdr_size > w->job.size || info.body_size > w->job.size - info.hdr_size) {
        return ERR_FORMAT;
    }
    w->hdr_size = info.hdr_size;
    w->body_end = info.hdr_size + info.body_size;
    return 0;
}

static uint32_t slot_a_body(const struct slot_writer *w) {
    return (uint32_t)slot_address(w->layout, SLOT_A) + w->hdr_size;
}

static int open_relocator(struct slot_writer *w, uint32_t table_offset) {
    w->relocates = true;
    w->delta = (uint32_t)slot_address(w->layout, w->job.slot) + w->hdr_size - slot_a_body(w);
    w->body = (struct image_source){.read = read_body, .ctx = w};
    return reloc_open(&w->reloc, &w->body, table_offset, w->body_end - w->hdr_size, slot_a_body(w));
}

// Without a table it must have been linked for this very slot. The header is in flash or buffer.
static int check_slot_bound(const struct slot_writer *w) {
    uint8_t header[IMAGE_HEADER_BYTES];
    struct image_info info = {0};
    int err = 0;
    if (w->flushed >= sizeof(header)) {
        err = hal_flash_read(w->layout->flash, slot_offset(w, 0), header, sizeof(header));
    } else {
        memcpy(header, w->buffer, sizeof(header));
    }
    if (err == 0) {
        err = image_header(&info, header);
    }
    return err < 0 ? err : image_runs_at(&info, (uint32_t)slot_address(w->layout, w->job.slot));
}

static int open_body(struct slot_writer *w, const uint8_t *head, uint32_t size) {
    uint32_t table_offset = reloc_table_offset(head, size);
    w->phase = PHASE_BODY;
    return table_offset == 0 ? check_slot_bound(w) : open_relocator(w, table_offset);
}

static int erase_ahead(struct slot_writer *w, uint32_t end) {
    while (w->erased_to < end) {
        uint32_t start;
        uint32_t size;
        uint32_t at = slot_offset(w, w->erased_to);
        int err = hal_flash_block(w->layout->flash, at, &start, &size);
        if (err == 0) {
            hal_wdt_feed();
            err = start == at ? hal_flash_erase(w->layout->flash, at) : ERR_STATE;
        }
        if (err < 0) {
            return err;
        }
        w->erased_to += size;
    }
    return 0;
}

static int record(const struct slot_writer *w, enum slot_state state, uint32_t offset) {
    struct slot_record r = {.state = (uint8_t)state, .offset = offset, .counter = w->job.counter};
    memcpy(r.digest, w->job.digest, sizeof(r.digest));
    return slot_put(w->journal, w->job.slot, &r);
}

// Program the buffer's first bytes, up to file offset `end`, which is a unit's end.
static int flush_to(struct slot_writer *w, uint32_t end) {
    while (w->flushed < end) {
        if (w->flushed == w->chunk_end) {
            int err = record(w, SLOT_INSTALLING, w->flushed);
            if (err < 0) {
                return err;
            }
            w->chunk_end += w->job.chunk_bytes;
        }
        uint32_t size = min_u32(end, w->chunk_end) - w->flushed;
        int err = erase_ahead(w, w->flushed + size);
        if (err == 0) {
            err = hal_flash_program(w->layout->flash, slot_offset(w, w->flushed), w->buffer, size);
        }
        if (err < 0) {
            return err;
        }
        w->flushed += size;
        w->used -= size;
        w->settled -= size;
        memmove(w->buffer, w->buffer + size, w->used);
    }
    return 0;
}

static uint32_t whole_units(const struct slot_writer *w, uint32_t file_offset) {
    return file_offset - file_offset % w->layout->flash->program_bytes;
}

// Flush up to the last boundary of SLOT_WRITER_HOLD_BYTES that is settled: large aligned writes
// are what flash with page buffers is fast at.
static int flush_settled(struct slot_writer *w) {
    uint32_t end = w->flushed + w->settled;
    end -= end % SLOT_WRITER_HOLD_BYTES;
    return end > w->flushed ? flush_to(w, end) : 0;
}

static int advance_header(struct slot_writer *w) {
    if (w->used < IMAGE_HEADER_BYTES) {
        return 0;
    }
    w->phase = PHASE_HEAD;
    return read_header(w, w->buffer);
}

static int advance_head(struct slot_writer *w) {
    uint32_t arrived = w->flushed + w->used;
    if (arrived < w->hdr_size) {
        w->settled = w->used;
        return flush_settled(w);
    }
    // Make room: the header is as it will be, and leaves less than a unit.
    w->settled = w->hdr_size - w->flushed;
    int err = flush_to(w, whole_units(w, w->hdr_size));
    if (err < 0) {
        return err;
    }
    const uint8_t *head = w->buffer + w->settled;
    uint32_t held = min_u32(arrived, w->body_end) - w->hdr_size;
    err = reloc_head_ready(head, held, w->body_end - w->hdr_size);
    if (err == 1) {
        return open_body(w, head, held);
    }
    if (err == 0 && (arrived >= w->body_end || w->used == sizeof(w->buffer))) {
        return ERR_FORMAT;
    }
    return err;
}

static int advance_body(struct slot_writer *w) {
    uint32_t end = min_u32(w->flushed + w->used, w->body_end);
    uint32_t from = w->flushed + w->settled;
    if (w->relocates) {
        w->reloc.readable = end - w->hdr_size;
        int err = reloc_apply(&w->reloc, w->delta, w->buffer + w->settled, end - from);
        if (err == 0 && end == w->body_end) {
            err = reloc_done(&w->reloc);
        }
        if (err < 0) {
            return err;
        }
    }
    w->settled = end - w->flushed;
    if (end == w->body_end) {
        w->phase = PHASE_TAIL;
    }
    return flush_settled(w);
}

static int advance_tail(struct slot_writer *w) {
    w->settled = w->used;
    return flush_settled(w);
}

// Do what the bytes in the buffer allow. A phase that ends hands on to the next at once.
static int advance(struct slot_writer *w) {
    static int (*const step[])(struct slot_writer *) = {
        [PHASE_HEADER] = advance_header,
        [PHASE_HEAD] = advance_head,
        [PHASE_BODY] = advance_body,
        [PHASE_TAIL] = advance_tail,
    };
    uint8_t before;
    int err;
    do {
        before = w->phase;
        err = step[before](w);
    } while (err == 0 && w->phase != before);
    return err;
}

// Feed what lies in the slot before `end` to the hash as the file had it.
static int hash_written(struct slot_writer *w, uint32_t end) {
    struct reloc undo = w->reloc;
    uint8_t piece[PIECE_BYTES];
    for (uint32_t at = 0; at < end;) {
        uint32_t limit = at < w->hdr_size ? w->hdr_size : at < w->body_end ? w->body_end : end;
        uint32_t size = min_u32(PIECE_BYTES, min_u32(limit, end) - at);
        int err = hal_flash_read(w->layout->flash, slot_offset(w, at), piece, size);
        if (err == 0 && w->relocates && at >= w->hdr_size && at < w->body_end) {
            err = reloc_apply(&undo, 0 - w->delta, piece, size);
        }
        if (err < 0) {
            return err;
        }
        sha256_update(&w->sha, piece, size);
        hal_wdt_feed();
        at += size;
    }
    return 0;
}

// Continue behind `offset` bytes that are surely in the slot.
static int resume(struct slot_writer *w, uint32_t offset) {
    uint8_t head[BODY_HEAD_BYTES];
    int err = hal_flash_read(w->layout->flash, slot_offset(w, 0), head, IMAGE_HEADER_BYTES);
    if (err == 0) {
        err = read_header(w, head);
    }
    if (err < 0) {
        return err;
    }
    w->flushed = offset;
    w->offset = offset;
    w->erased_to = offset;
    w->chunk_end = offset;
    uint32_t body = min_u32(w->body_end - w->hdr_size, BODY_HEAD_BYTES);
    err = read_body(w, 0, head, body);
    if (err == 0) {
        err = open_body(w, head, body);
    }
    if (err == 0 && w->relocates) {
        w->reloc.readable = min_u32(offset, w->body_end) - w->hdr_size;
    }
    if (err == 0) {
        err = hash_written(w, offset);
    }
    if (err == 0 && offset >= w->body_end) {
        w->phase = PHASE_TAIL;
    } else if (err == 0 && w->relocates) {
        err = reloc_seek(&w->reloc, offset - w->hdr_size, w->delta, true);
    }
    return err;
}

// Where an interrupted install can go on: at `offset` if its block is surely blank from there, else
// at the block's start.
static uint32_t resume_point(const struct slot_writer *w, uint32_t offset, uint32_t *erased_to) {
    uint32_t start;
    uint32_t size;
    uint32_t at = slot_offset(w, offset);
    *erased_to = offset;
    if (offset > w->job.size || offset % w->layout->flash->program_bytes != 0 ||
        hal_flash_block(w->layout->flash, at, &start, &size) < 0) {
        return 0;
    }
    if (start == at) {
        return offset;
    }
    uint32_t block_end = start + size;
    if (hal_flash_is_blank(w->layout->flash, at, block_end - at) == 1) {
        *erased_to = block_end - slot_offset(w, 0);
        return offset;
    }
    *erased_to = start - slot_offset(w, 0);
    return *erased_to;
}

static void start_again(struct slot_writer *w) {
    w->offset = w->flushed = w->used = w->settled = w->erased_to = w->chunk_end = 0;
    w->hdr_size = w->body_end = w->delta = 0;
    w->failed = 0;
    w->phase = PHASE_HEADER;
    w->relocates = false;
    sha256_init(&w->sha);
}

int slot_writer_begin(struct slot_writer *w, struct journal *j, const struct hal_layout *layout,
                      const struct slot_writer_job *job) {
    if (job->slot < 0 || job->slot >= SLOT_COUNT || job->chunk_bytes == 0 ||
        job->chunk_bytes % layout->flash->program_bytes != 0 ||
        layout->flash->program_bytes > LAYOUT_PROGRAM_BYTES) {
        return ERR_RANGE;
    }
    if (job->slot == job->running_slot) {
        return ERR_STATE;
    }
    if (job->size > layout->slot[job->slot].size) {
        return ERR_NO_SPACE;
    }
    w->journal = j;
    w->layout = layout;
    w->job = *job;
    start_again(w);
    struct slot_record r;
    int err = slot_get(j, job->slot, &r);
    if (err < 0 || r.state != SLOT_INSTALLING ||
        memcmp(r.digest, job->digest, sizeof(r.digest)) != 0) {
        return err;
    }
    uint32_t erased_to;
    uint32_t offset = resume_point(w, r.offset, &erased_to);
    if (offset < RESUME_MIN) {
        return 0;
    }
    if (resume(w, offset) < 0) {
        start_again(w); // what lies there is not what it should be
        return 0;
    }
    w->erased_to = erased_to;
    return 0;
}

int slot_writer_write(struct slot_writer *w, const void *data, uint32_t size) {
    const uint8_t *from = data;
    if (w->failed < 0) {
        return w->failed;
    }
    if (size > w->job.size - w->offset) {
        return ERR_RANGE;
    }
    sha256_update(&w->sha, data, size);
    while (size > 0 && w->failed == 0) {
        uint32_t piece = min_u32(size, (uint32_t)sizeof(w->buffer) - w->used);
        memcpy(w->buffer + w->used, from, piece);
        w->used += piece;
        w->offset += piece;
        from += piece;
        size -= piece;
        w->failed = (int8_t)advance(w);
    }
    return w->failed;
}

int slot_writer_finish(struct slot_writer *w, uint8_t blob_digest[32]) {
    if (w->failed < 0) {
        return w->failed;
    }
    if (w->offset != w->job.size || w->settled != w->used) {
        return ERR_STATE;
    }
    uint32_t unit = w->layout->flash->program_bytes;
    uint32_t padding = (unit - w->used % unit) % unit;
    memset(w->buffer + w->used, w->layout->flash->erased_value, padding);
    w->used += padding;
    w->settled += padding;
    w->failed = (int8_t)flush_to(w, w->flushed + w->used);
    sha256_final(&w->sha, blob_digest);
    return w->failed;
}

int slot_writer_ready(struct slot_writer *w) {
    return record(w, SLOT_READY, 0);
}

int slot_writer_abort(struct slot_writer *w) {
    if (w->failed == 0) {
        w->failed = ERR_STATE;
    }
    return record(w, SLOT_EMPTY, 0);
}
