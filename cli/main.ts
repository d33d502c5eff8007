#!/usr/bin/env node
import { exitOnOldNode } from '../node-version.ts';

exitOnOldNode();
await import('./process.ts');
