// SPDX-License-Identifier: Apache-2.0
// Stands in for the generated layout.h: the largest program unit, so that one build serves all
// simulated geometries.
#pragma once

enum { LAYOUT_PROGRAM_BYTES = 512, LAYOUT_ERASE_MS_MAX = 100 };
