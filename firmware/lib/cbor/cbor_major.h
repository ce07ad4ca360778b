// SPDX-License-Identifier: Apache-2.0
// Major types of CBOR (RFC 8949 section 3.1), for the reader and the writer.
#pragma once

enum cbor_major {
    CBOR_UINT,
    CBOR_NEGATIVE,
    CBOR_BYTES,
    CBOR_TEXT,
    CBOR_ARRAY,
    CBOR_MAP,
    CBOR_TAG,
    CBOR_SIMPLE,
};
