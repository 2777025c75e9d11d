// The flags of all subcommands. Each subcommand names those that it takes.
#pragma once

#include <gflags/gflags_declare.h>

#include "command.h"

DECLARE_string(solver);
DECLARE_string(model);
DECLARE_string(snapshot);
DECLARE_string(resume);
DECLARE_string(weights);
DECLARE_string(on_mismatch);
DECLARE_bool(check_numerics);
DECLARE_int32(iterations);
DECLARE_string(phase);
DECLARE_int32(level);
DECLARE_string(stage);
DECLARE_string(sigint_effect);
DECLARE_string(sighup_effect);
DECLARE_string(plugin);
DECLARE_string(max_memory);
DECLARE_int32(threads);
DECLARE_int64(seed);
DECLARE_string(layer);
DECLARE_string(shape);
DECLARE_int32(batch);
DECLARE_bool(json);
DECLARE_string(params);
DECLARE_bool(elementwise);
DECLARE_bool(markdown);
DECLARE_bool(with_weights);
DECLARE_bool(loss);
DECLARE_string(gpu);

namespace moka::tool {

// Sets the command's flags from `words` (--name=value, --name value, one dash or two; --name alone
// for a switch) and returns the other words. Throws UsageError: an unknown flag, one of another
// subcommand, a missing or unfit value, too many words. Never exits.
Arguments ParseFlags(const Command& command, const Arguments& words);

// Whether this word, such as "--loss", is a flag that needs no value.
bool IsSwitch(const std::string& word);

// "  --solver=FILE   what it is" for each flag of a command.
std::string DescribeFlags(const Command& command);

}  // namespace moka::tool
