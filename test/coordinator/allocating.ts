/** A process of its own, which tells how many bytes of heap the kernel allocates for one saga, when it is warm. */
import { getHeapStatistics } from 'node:v8';
import { runSaga } from '../../bench/kernel-saga.ts';

const WARM = 300;
const MEASURED = 200;

for (let n = 0; n < WARM; n += 1) runSaga();
const before = getHeapStatistics().used_heap_size;
for (let n = 0; n < MEASURED; n += 1) runSaga();
process.send?.((getHeapStatistics().used_heap_size - before) / MEASURED);
