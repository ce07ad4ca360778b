// SPDX-License-Identifier: Apache-2.0
// Stands in for the generated parameters where the agent is compiled for the host.
#pragma once
#define PARAM_SLOTS_CHUNK_BYTES 4096
