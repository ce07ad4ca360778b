// SPDX-License-Identifier: Apache-2.0
// Crashes at each start, like a release that nobody tried. Its agent must be able to replace it.
#include "os/log.h"
#include "os/panic.h"

namespace {

struct Early {
    Early() {
        LOG("object built");
    }
} early;

} // namespace

int main() {
    os_panic("as always");
}
