// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// postgresql_load: charges on PostgreSQL, decided by a function; a call is one transaction.

#include <libpq-fe.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "bench/peers/peer.h"

namespace dmem::bench {
namespace {

// Charges come as arrays, so that a batch is one statement. A single charge asks the leaf first and
// the root last, whose row is then locked for the shortest time; a batch the root first, and device
// by device, as rows locked in another order by two batches would be a deadlock. Half-full pages
// leave room to update rows in place. Answers for each: 0 granted, 1 replayed, -1 - LEVEL refused
// there.
constexpr char kSchema[] = R"sql(
CREATE TABLE IF NOT EXISTS counters (region text, path text, usage bigint NOT NULL DEFAULT 0,
  peak bigint NOT NULL DEFAULT 0, max bigint NOT NULL, PRIMARY KEY (region, path))
  WITH (fillfactor = 50);
CREATE TABLE IF NOT EXISTS charges (id text PRIMARY KEY, region text, path text, bytes bigint);
CREATE OR REPLACE FUNCTION charge(ids text[], regions text[], paths text[], sizes bigint[])
RETURNS int[] LANGUAGE plpgsql AS $$
DECLARE
  answers int[] := '{}';
  answer int;
  n int := array_length(ids, 1);
  l int;
BEGIN
  FOR c IN 1 .. n LOOP
    INSERT INTO charges VALUES (ids[c], regions[c], paths[4 * c], sizes[c]) ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
      answers := answers || 1;
      CONTINUE;
    END IF;
    answer := 0;
    FOR step IN 0 .. 3 LOOP
      l := CASE WHEN n = 1 THEN 3 - step ELSE step END;
      UPDATE counters SET usage = usage + sizes[c], peak = greatest(peak, usage + sizes[c])
        WHERE region = regions[c] AND path = paths[4 * (c - 1) + 1 + l]
          AND usage + sizes[c] <= max;
      IF NOT FOUND THEN
        answer := -1 - l;
        EXIT;
      END IF;
    END LOOP;
    IF answer < 0 THEN
      -- Nothing of a refused charge stays. It was alone in its transaction, or none was refused.
      RAISE EXCEPTION 'refused at %', -1 - answer;
    END IF;
    answers := answers || answer;
  END LOOP;
  RETURN answers;
END $$;
)sql";

template <typename Range, typename Text>
std::string ArrayOf(const Range& range, const Text& text) {
  return absl::StrCat("{", absl::StrJoin(range, ",", text), "}");
}

class PostgresqlConnection final : public PeerConnection {
 public:
  explicit PostgresqlConnection(const std::string& address)
      : connection_(PQconnectdb(address.c_str())) {
    if (PQstatus(connection_) != CONNECTION_OK) PeerDie(PQerrorMessage(connection_));
    Execute("SET client_min_messages = warning");
  }
  ~PostgresqlConnection() override { PQfinish(connection_); }

  void SetUp(int64_t max) override {
    Execute(kSchema);
    for (uint64_t number = 0; number < 256; ++number) {
      const PeerCharge charge = ChargeOf("", number);
      for (const std::string& path : charge.paths) {
        Execute(absl::StrCat("INSERT INTO counters (region, path, max) VALUES ('", charge.region,
                             "', '", path, "', ", max, ") ON CONFLICT DO NOTHING"));
      }
    }
  }

  std::vector<Answer> Charge(const std::vector<PeerCharge>& asked) override {
    std::vector<PeerCharge> charges = asked;
    std::sort(charges.begin(), charges.end(),
              [](const PeerCharge& a, const PeerCharge& b) { return a.region < b.region; });
    if (!is_prepared_) {
      PQclear(PQprepare(connection_, "charge", "SELECT charge($1, $2, $3, $4)", 4, nullptr));
      is_prepared_ = true;
    }
    const std::string ids =
        ArrayOf(charges, [](std::string* out, const PeerCharge& c) { absl::StrAppend(out, c.id); });
    const std::string regions = ArrayOf(
        charges, [](std::string* out, const PeerCharge& c) { absl::StrAppend(out, c.region); });
    const std::string paths = ArrayOf(charges, [](std::string* out, const PeerCharge& c) {
      absl::StrAppend(out, absl::StrJoin(c.paths, ","));
    });
    const std::string sizes = ArrayOf(
        charges, [](std::string* out, const PeerCharge& c) { absl::StrAppend(out, c.bytes); });
    const char* const values[] = {ids.c_str(), regions.c_str(), paths.c_str(), sizes.c_str()};
    PGresult* const result =
        PQexecPrepared(connection_, "charge", 4, values, nullptr, nullptr, /*resultFormat=*/0);
    std::vector<Answer> answers;
    if (PQresultStatus(result) != PGRES_TUPLES_OK) {
      const std::string error = PQresultErrorMessage(result);
      const size_t at = error.find("refused at ");
      if (at == std::string::npos) PeerDie(error);
      answers.push_back({Verdict::kRefused, std::atoi(error.c_str() + at + 11)});
    } else {
      std::string text = PQgetvalue(result, 0, 0);  // "{0,0,1}"
      for (const absl::string_view one : absl::StrSplit(text.substr(1, text.size() - 2), ','))
        answers.push_back({one == "0" ? Verdict::kGranted : Verdict::kReplayed, -1});
    }
    PQclear(result);
    return answers;
  }

  std::array<int64_t, 2> Read(const std::string& region, const std::string& path) override {
    PGresult* const result =
        PQexec(connection_, absl::StrCat("SELECT usage, peak FROM counters WHERE region = '",
                                         region, "' AND path = '", path, "'")
                                .c_str());
    if (PQntuples(result) != 1) PeerDie("a counter is missing");
    const std::array<int64_t, 2> numbers = {std::atoll(PQgetvalue(result, 0, 0)),
                                            std::atoll(PQgetvalue(result, 0, 1))};
    PQclear(result);
    return numbers;
  }

 private:
  void Execute(const std::string& statement) {
    PGresult* const result = PQexec(connection_, statement.c_str());
    if (PQresultStatus(result) != PGRES_COMMAND_OK) PeerDie(PQerrorMessage(connection_));
    PQclear(result);
  }

  PGconn* const connection_;
  bool is_prepared_ = false;
};

}  // namespace
}  // namespace dmem::bench

int main(int argc, char** argv) {
  return dmem::bench::PeerMain(
      "postgresql_load: charges on PostgreSQL, by a function", argc, argv,
      [](const dmem::bench::PeerFlags& flags) {
        return std::make_unique<dmem::bench::PostgresqlConnection>(flags.address);
      });
}
