export const USAGE = `saga: asks a saga coordinator.

  saga submit [FILE]                  send an order, from a file or standard input
       --wait                         until the saga has ended
       --timeout SECONDS              how long at most (300)
       --idempotency-key KEY          the same key and order are the same saga
  saga list                           sagas, newest first
       --status STARTED|COMPLETED|FAILED|ABORTED
       --state STATE --order-id ID --failed-step STEP
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

  --url URL      else SAGA_URL, else http://127.0.0.1:9000
  --token TOKEN  else API_TOKEN, which others on the machine cannot read
  --json         what the coordinator said, for programs

It ends with 0 where all went well, 1 where the saga failed or is parked, 2 where the command is wrong, 3 where no
coordinator answers, 4 where it refuses, 5 where the saga still runs when the wait is over.
`;
