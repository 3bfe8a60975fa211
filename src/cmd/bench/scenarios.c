#include "cmd/bench/run.h"

const bench_scenario bench_scenarios[] = {
    {"ingest", "push: the first profiles of new services, then the steady state",
     bench_scenario_ingest, false},
    {"get", "get one profile: the same again and again, then any of them", bench_scenario_get,
     true},
    {"find", "list one service's hour, then one host's profiles", bench_scenario_find, true},
    {"services", "list the services", bench_scenario_services, true},
    {"merge", "merge many profiles, new stacks in each and the same ones over and over",
     bench_scenario_merge, false},
    {"mixed", "push and ask at once", bench_scenario_mixed, true},
    {"connections", "a new connection for each call; connections that are silent",
     bench_scenario_connections, false},
    {"startup", "start after kill -9 and after a clean stop (needs -server)",
     bench_scenario_startup, true},
    {"disk", "bytes on disk a profile; stops and starts the servers that it may",
     bench_scenario_disk, false},
    {NULL, NULL, NULL, false},
};
