// SPDX-License-Identifier: Apache-2.0
#pragma once

enum err { ERR_IO = -1 };
