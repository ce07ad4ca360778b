// SPDX-License-Identifier: Apache-2.0
// Stands in for the generated parameters where the agent is compiled for the host.
#pragma once
#define PARAM_UPDATE_AGENT_POLL_S 300
#define PARAM_UPDATE_AGENT_RETRY_S 5
#define PARAM_UPDATE_AGENT_CONFIRM_WITHIN_S 1800
#define PARAM_UPDATE_AGENT_TIMEOUT_MS 20000
#define PARAM_UPDATE_AGENT_REVERTED_PAUSE_S 3600
#define PARAM_UPDATE_AGENT_WANTS_HEALTH 0
