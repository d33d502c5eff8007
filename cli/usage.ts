export const USAGE = `saga: asks a saga coordinator.

  saga submit [FILE]                  send an order, from a file or standard input
       --wait                         until the saga has ended
       --timeout SECONDS              how long at most (300)
       --idempotency-key KEY          the same key and order are the same saga
  saga list                           sagas, newest first
       --status STARTED|COMPLETED|FAILED|ABORTED
       --state STATE --order-id ID --label LABEL --machine ID
       --failed-step STEP --error TEXT   (TEXT stands in the reason why something is held)
       --stuck-for SECONDS --since TIME --until TIME
       --limit N --cursor CURSOR
  saga show ID                        one saga: its calls along a line of time, and what is still held
  saga watch [ID]                     what happens to all sagas, or to one until it has ended
  saga retry ID    --reason TEXT      now: the next attempt, or the compensations that failed
  saga cancel ID   --reason TEXT      undo what was done so far
  saga skip ID STEP --reason TEXT --seq N
                                      count a step's compensation as done
  saga resolve ID COMPLETED|FAILED --reason TEXT --seq N
                                      end a parked saga by hand
       --seq N                        only if its log is as long as when you looked (show says it)
       --by NAME                      who asks (the name of your user)

  saga send-event ID NAME [DATA]      tell a saga of something; DATA is a JSON object
       --id ID                        its own: sent again, it is the same event
  saga stats | health | machines      sums of all sagas, how the coordinator is, what it runs
  saga --version

  saga store repartition              move a store to 48 partitions, which spread evenly over a Cluster; no coordinator
                                      may run. Needs REDIS_URL, and REDIS_PREFIX where there is one
       --undo                         take back a move that has not ended

  saga verify URL --action PATH --undo PATH --body FILE
                                      whether a service keeps a participant's promises; it is called, and no coordinator
       --refused FILE                 a body that it refuses
       --probe PATH                   JSON that changes, best in a number, when an effect happens
       --header 'NAME: VALUE' --timeout SECONDS

  --url URL      else SAGA_URL, else http://127.0.0.1:9000
  --token TOKEN  else API_TOKEN, which others on the machine cannot read
  --json         what the coordinator said, for programs

It ends with 0 where all went well, 1 where the saga failed or is parked, the coordinator is not healthy, or a service
breaks a promise, 2 where the command is wrong, 3 where nobody answers, 4 where it refuses, 5 where the saga still runs
when the wait is over.
`;
