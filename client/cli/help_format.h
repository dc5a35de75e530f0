// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_CLI_HELP_FORMAT_H_
#define DMEMD_CLIENT_CLI_HELP_FORMAT_H_

#include <CLI/CLI.hpp>
#include <string>

namespace dmem::client {

// Help as dmemctl prints it: within 100 columns, and without the parser's words for types.
class HelpFormat final : public CLI::Formatter {
 public:
  HelpFormat();

  std::string make_option_opts(const CLI::Option* option) const override;
  std::string make_option_desc(const CLI::Option* option) const override;
  std::string make_option_usage(const CLI::Option* option) const override;
};

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_CLI_HELP_FORMAT_H_
