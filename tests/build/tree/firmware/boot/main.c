// SPDX-License-Identifier: Apache-2.0
#include "sum/sum.h"

int main(void) {
    return sum("boot");
}
