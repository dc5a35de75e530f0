// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#ifndef DMEMD_CLIENT_AGENT_PODS_TESTING_TEST_CERTIFICATE_H_
#define DMEMD_CLIENT_AGENT_PODS_TESTING_TEST_CERTIFICATE_H_

#include <string>

namespace dmem::client {

// A certificate that vouches for itself, with its key; both PEM.
struct TestCertificate {
  std::string certificate;
  std::string key;
};

// A new one, for the server at this IP address, valid for an hour.
TestCertificate MakeTestCertificate(const std::string& address);

}  // namespace dmem::client

#endif  // DMEMD_CLIENT_AGENT_PODS_TESTING_TEST_CERTIFICATE_H_
