// SPDX-License-Identifier: Apache-2.0
// Stands in for the generated layout.h where the agent is compiled for the host.
#pragma once

enum { LAYOUT_PROGRAM_BYTES = 8 };
