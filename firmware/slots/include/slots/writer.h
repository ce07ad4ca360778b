// SPDX-License-Identifier: Apache-2.0
// Install an image into a slot while it streams in, in any pieces: erases just ahead, relocates for
// the slot, journals each chunk, hashes the file as received. Goes on where a power cut stopped it.
// It decides nothing: what may be installed is the caller's business, slot_check() has the last
// word.
#pragma once
#include <stdbool.h>

#include "crypto/sha256.h"
#include "hal/language.h"
#include "image/reloc.h"
#include "layout.h"
#include "slots/check.h"
#include "slots/slots.h"

C_BEGIN

enum {
    // FORMAT.md section 3: what may have to be held until the relocation table has been read.
    SLOT_WRITER_HOLD_BYTES = 2048,
    SLOT_WRITER_BUFFER_BYTES = SLOT_WRITER_HOLD_BYTES + LAYOUT_PROGRAM_BYTES,
};

struct slot_writer_job {
    int slot;             // where to
    int running_slot;     // never written; -1 in the bootloader
    uint32_t size;        // of the file
    uint32_t counter;     // for the journal: the image's security counter ...
    uint8_t digest[32];   // ... and image digest; they name it when the power returns
    uint32_t chunk_bytes; // between two journal records, e.g. PARAM_SLOTS_CHUNK_BYTES
};

// About 2.5 KB: keep it static. Fields are private but for `offset`.
struct slot_writer {
    uint32_t offset; // next byte of the file that slot_writer_write() expects
    struct journal *journal;
    const struct hal_layout *layout;
    struct slot_writer_job job;
    uint32_t flushed;   // file bytes in flash; the first in `buffer` belongs behind them
    uint32_t used;      // bytes in `buffer`
    uint32_t settled;   // of them, in the slot's own form
    uint32_t erased_to; // file offset up to which blocks are erased
    uint32_t chunk_end; // where the next journal record is due
    uint32_t hdr_size;
    uint32_t body_end; // file offset
    uint32_t delta;    // body's address here - in slot A
    int8_t failed;     // first error; everything after it fails too
    uint8_t phase;
    bool relocates;
    struct sha256 sha;
    struct reloc reloc;
    struct image_source body;
    uint8_t buffer[SLOT_WRITER_BUFFER_BYTES];
};

// Start, or go on if the journal says this very image (digest) was being installed in this slot:
// w->offset is then where the file must be continued from, 0 otherwise. Nothing is erased yet.
// ERR_STATE: the slot runs. ERR_NO_SPACE: the file is longer than the slot. ERR_RANGE: no such
// slot, or chunks that are no whole program units.
int slot_writer_begin(struct slot_writer *w, struct journal *j, const struct hal_layout *layout,
                      const struct slot_writer_job *job);

// The next `size` bytes. Blocks while flash is erased and programmed. After an error only begin.
// ERR_RANGE: more than announced. ERR_FORMAT, ERR_UNSUPPORTED, ERR_SLOT_BOUND, ERR_RELOCATION: not
// an image that this slot can run. ERR_IO, ERR_NO_SPACE: flash or journal (journal_append) failed.
// ERR_ECC, ERR_ERASED: what was written reads badly. Nothing was journalled as ready.
int slot_writer_write(struct slot_writer *w, const void *data, uint32_t size);

// Write what is held and give the file's SHA-256 (blob digest). ERR_STATE: bytes are missing;
// errors of slot_writer_write. What failed before fails again. The slot stays `installing` until
// the caller has checked it and records `ready`.
int slot_writer_finish(struct slot_writer *w, uint8_t blob_digest[32]);

// Record `ready` for what was installed. Call after slot_check() gave 0. ERR_IO, ERR_NO_SPACE: see
// journal_append.
int slot_writer_ready(struct slot_writer *w);

// Give up: the slot becomes empty in the journal. ERR_IO, ERR_NO_SPACE: see journal_append.
int slot_writer_abort(struct slot_writer *w);

C_END
