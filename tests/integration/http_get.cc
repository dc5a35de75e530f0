// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/integration/http_get.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>

#include "absl/strings/numbers.h"

namespace dmem::server {

HttpAnswer HttpRequest(const std::string& address, const std::string& method,
                       const std::string& path) {
  const size_t colon = address.rfind(':');
  uint32_t port = 0;
  HttpAnswer answer;
  if (!absl::SimpleAtoi(address.substr(colon + 1), &port)) return answer;
  sockaddr_in to = {};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<uint16_t>(port));
  inet_pton(AF_INET, address.substr(0, colon).c_str(), &to.sin_addr);
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof(to)) == 0) {
    const std::string request = method + " " + path + " HTTP/1.0\r\nContent-Length: 0\r\n\r\n";
    std::string received;
    char buffer[65536];
    ssize_t n = write(fd, request.data(), request.size());
    while (n > 0 && (n = read(fd, buffer, sizeof(buffer))) > 0) {
      received.append(buffer, static_cast<size_t>(n));
    }
    const size_t head_end = received.find("\r\n\r\n");
    if (received.compare(0, 7, "HTTP/1.") == 0 && head_end != std::string::npos &&
        absl::SimpleAtoi(received.substr(9, 3), &answer.code)) {
      answer.body = received.substr(head_end + 4);
    }
  }
  close(fd);
  return answer;
}

}  // namespace dmem::server
