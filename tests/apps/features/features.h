// SPDX-License-Identifier: Apache-2.0
// Each checks one way in which an address can lie in an image; true if it works where it runs.
#pragma once
#include "hal/language.h"
#include <stdbool.h>

C_BEGIN

bool features_ram_function(void);
bool features_function_table(void);
bool features_switch_table(void);
bool features_data_pointers(void);
bool features_virtual_calls(void);
bool features_constructors(void);

C_END
