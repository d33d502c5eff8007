import { exitOnOldNode } from '../node-version.ts';

exitOnOldNode();
await import('./process.ts');
