// Copyright 2026 The dmemd Authors
// SPDX-License-Identifier: Apache-2.0

// The unary RPCs of QuotaService.

#ifndef TESTS_SIMULATION_RPCS_H_
#define TESTS_SIMULATION_RPCS_H_

// Calls the macro `RPC` with each name.
#define DMEM_FOR_EACH_UNARY_RPC(RPC) \
  RPC(Register)                      \
  RPC(Unregister)                    \
  RPC(Cordon)                        \
  RPC(RegisterGroup)                 \
  RPC(UnregisterGroup)               \
  RPC(Charge)                        \
  RPC(BatchCharge)                   \
  RPC(Uncharge)                      \
  RPC(Resize)                        \
  RPC(OpenSession)                   \
  RPC(KeepAlive)                     \
  RPC(CloseSession)                  \
  RPC(DeclareNotReady)               \
  RPC(Fence)                         \
  RPC(ReportRegionState)             \
  RPC(ListSessions)                  \
  RPC(ListNodes)                     \
  RPC(Commit)                        \
  RPC(Cancel)                        \
  RPC(Renew)                         \
  RPC(RequestRelease)                \
  RPC(UnchargeItems)                 \
  RPC(Reconcile)                     \
  RPC(ReportMeasured)                \
  RPC(MoveCharge)                    \
  RPC(SetLimits)                     \
  RPC(CreateCgroup)                  \
  RPC(DeleteCgroup)                  \
  RPC(EvictValuable)                 \
  RPC(EvictCandidates)               \
  RPC(GetHeadroom)                   \
  RPC(GetPool)                       \
  RPC(ListPools)                     \
  RPC(ListRegions)                   \
  RPC(ListCgroups)                   \
  RPC(ListCharges)                   \
  RPC(ReadFile)                      \
  RPC(WriteFile)                     \
  RPC(Check)                         \
  RPC(GetServerInfo)                 \
  RPC(ListEvents)                    \
  RPC(WhoHeld)                       \
  RPC(ReportUsage)

#endif  // TESTS_SIMULATION_RPCS_H_
