// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// redis_load: charges on Redis, decided by a Lua script. A call of several charges is a pipeline of
// scripts or, with --one-script, one script for all.

#include <hiredis/hiredis.h>

#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "bench/peers/peer.h"

namespace dmem::bench {
namespace {

// A hash for each device has usage, peak and max of every counter, so that a charge is one read and
// one write of it, and its id one key. KEYS: for each charge its id and the device's hash; ARGV:
// for each its bytes and four paths. Answers for each: 0 granted, 1 replayed, -1 - LEVEL refused
// there.
constexpr char kScript[] = R"lua(
local answers = {}
for c = 1, #KEYS / 2 do
  local id, device = KEYS[2 * c - 1], KEYS[2 * c]
  local a = 5 * (c - 1)
  local bytes = tonumber(ARGV[a + 1])
  if redis.call('EXISTS', id) == 1 then
    answers[c] = 1
  else
    local f = {}
    for l = 0, 3 do
      local path = ARGV[a + 2 + l]
      f[3 * l + 1], f[3 * l + 2], f[3 * l + 3] = 'u' .. path, 'p' .. path, 'm' .. path
    end
    local v = redis.call('HMGET', device, unpack(f))
    local write, answer = {}, 0
    for l = 3, 0, -1 do
      local usage = tonumber(v[3 * l + 1] or 0) + bytes
      if usage > tonumber(v[3 * l + 3] or 0) then
        answer = -1 - l
        break
      end
      write[#write + 1] = f[3 * l + 1]
      write[#write + 1] = string.format('%.0f', usage)
      if usage > tonumber(v[3 * l + 2] or 0) then
        write[#write + 1] = f[3 * l + 2]
        write[#write + 1] = string.format('%.0f', usage)
      end
    end
    if answer == 0 then
      redis.call('HSET', device, unpack(write))
      redis.call('SET', id, device .. ' ' .. ARGV[a + 5] .. ' ' .. ARGV[a + 1])
    end
    answers[c] = answer
  end
end
return answers
)lua";

bool g_one_script = false;

class RedisConnection final : public PeerConnection {
 public:
  explicit RedisConnection(const std::string& address) {
    const std::vector<std::string> parts = absl::StrSplit(address, ':');
    int port = 0;
    if (parts.size() != 2 || !absl::SimpleAtoi(parts[1], &port)) PeerDie("--address: HOST:PORT");
    redis_ = redisConnect(parts[0].c_str(), port);
    if (redis_ == nullptr || redis_->err != 0) PeerDie(absl::StrCat("no Redis at ", address));
    redisReply* const loaded = Command({"SCRIPT", "LOAD", kScript});
    sha_ = loaded->str;
    freeReplyObject(loaded);
  }
  ~RedisConnection() override { redisFree(redis_); }

  void SetUp(int64_t max) override {
    for (uint64_t number = 0; number < 256; ++number) {
      const PeerCharge charge = ChargeOf("", number);
      for (const std::string& path : charge.paths)
        freeReplyObject(Command({"HSET", charge.region, "m" + path, absl::StrCat(max)}));
    }
  }

  std::vector<Answer> Charge(const std::vector<PeerCharge>& charges) override {
    const size_t step = g_one_script ? charges.size() : 1;
    for (size_t i = 0; i < charges.size(); i += step) {
      std::vector<std::string> command = {"EVALSHA", sha_, absl::StrCat(2 * step)};
      for (size_t c = i; c < i + step; ++c) {
        command.push_back(charges[c].id);
        command.push_back(charges[c].region);
      }
      for (size_t c = i; c < i + step; ++c) {
        command.push_back(absl::StrCat(charges[c].bytes));
        command.insert(command.end(), charges[c].paths.begin(), charges[c].paths.end());
      }
      Append(command);
    }
    std::vector<Answer> answers;
    for (size_t i = 0; i < charges.size(); i += step) {
      redisReply* const reply = NextReply();
      for (size_t c = 0; c < reply->elements; ++c) answers.push_back(AnswerOf(*reply->element[c]));
      freeReplyObject(reply);
    }
    return answers;
  }

  std::array<int64_t, 2> Read(const std::string& region, const std::string& path) override {
    redisReply* const reply = Command({"HMGET", region, "u" + path, "p" + path});
    std::array<int64_t, 2> numbers{};
    for (size_t i = 0; i < 2; ++i) {
      if (reply->element[i]->str != nullptr)
        numbers[i] = std::strtoll(reply->element[i]->str, nullptr, 10);
    }
    freeReplyObject(reply);
    return numbers;
  }

 private:
  static Answer AnswerOf(const redisReply& reply) {
    if (reply.integer == 0) return {Verdict::kGranted, -1};
    if (reply.integer == 1) return {Verdict::kReplayed, -1};
    return {Verdict::kRefused, static_cast<int>(-1 - reply.integer)};
  }

  void Append(const std::vector<std::string>& command) {
    std::vector<const char*> arguments;
    std::vector<size_t> sizes;
    for (const std::string& argument : command) {
      arguments.push_back(argument.data());
      sizes.push_back(argument.size());
    }
    if (redisAppendCommandArgv(redis_, static_cast<int>(command.size()), arguments.data(),
                               sizes.data()) != REDIS_OK) {
      PeerDie("a command cannot be sent");
    }
  }
  redisReply* NextReply() {
    void* reply = nullptr;
    if (redisGetReply(redis_, &reply) != REDIS_OK) PeerDie(redis_->errstr);
    auto* const answer = static_cast<redisReply*>(reply);
    if (answer->type == REDIS_REPLY_ERROR) PeerDie(answer->str);
    return answer;
  }
  redisReply* Command(const std::vector<std::string>& command) {
    Append(command);
    return NextReply();
  }

  redisContext* redis_ = nullptr;
  std::string sha_;
};

}  // namespace
}  // namespace dmem::bench

int main(int argc, char** argv) {
  using dmem::bench::PeerFlags;
  // The one flag of its own.
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--one-script") != 0) continue;
    dmem::bench::g_one_script = true;
    for (int j = i; j + 1 < argc; ++j) argv[j] = argv[j + 1];
    --argc;
    break;
  }
  return dmem::bench::PeerMain(
      "redis_load: charges on Redis, by a Lua script (--one-script: one for a whole call)", argc,
      argv, [](const PeerFlags& flags) {
        return std::make_unique<dmem::bench::RedisConnection>(flags.address);
      });
}
