// SPDX-License-Identifier: Apache-2.0
// Errors of every fallible function in firmware/ and hal/: negative, 0 is success. Not errno.
#pragma once

enum err {
    ERR_IO = -1,          // the device did not do it, or what was read back differs
    ERR_RANGE = -2,       // an argument or a length lies outside what is allowed
    ERR_STATE = -3,       // not possible now; possible in another state
    ERR_ECC = -4,         // flash: these bytes cannot be read reliably
    ERR_ERASED = -5,      // flash: erased, nothing was written here
    ERR_FORMAT = -6,      // bytes are not of the format they should be
    ERR_UNSUPPORTED = -7, // well-formed, but a version or algorithm this code does not know
    ERR_TIMED_OUT = -8,
    ERR_NO_MEMORY = -9, // RAM, a pool or a table is full
    ERR_NO_SPACE = -10, // flash area or slot too small
    ERR_BUSY = -11,     // in use; try again later
    ERR_CLOSED = -12,   // the other side ended the connection
    ERR_NOT_FOUND = -13,
    ERR_SIGNATURE = -14,  // no signature, or none that one of our keys made
    ERR_DIGEST = -15,     // content does not have the digest it should have
    ERR_IDENTITY = -16,   // for another product or hardware (VID, CID)
    ERR_ROLLBACK = -17,   // security counter below the floor
    ERR_RELOCATION = -18, // relocation table breaks a rule of FORMAT.md
    ERR_SLOT_BOUND = -19, // no relocation table, and linked for another address
    ERR_AUTH = -20,       // a message's MAC is wrong
};
