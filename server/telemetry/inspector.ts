/**
 * A window into the statecharts for developers: the sagas of this coordinator as the Stately inspector shows actors. Sagas are
 * driven by pure transitions and have no live actor to inspect, so the messages are made here from engine events.
 *
 * It listens on 127.0.0.1 alone and checks Host and Origin, because any page in the developer's browser could open a
 * WebSocket to it. Contexts are redacted.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { StatelyActorEvent, StatelyEventEvent, StatelySnapshotEvent } from '@statelyai/inspect';
import { WebSocket, WebSocketServer } from 'ws';
import { stringify } from '../../json/exact.ts';
import type { RegisteredMachine } from '../../machines/index.ts';
import { toConfig } from '../../machines/picture.ts';
import type { EngineEvent, Observe } from '../engine/contract.ts';

export interface Inspector {
  readonly observe: Observe;
  readonly url: string;
  close(): Promise<void>;
}

/** The version of the messages: that of @statelyai/inspect, whose types they have. */
const MESSAGE_VERSION = '0.7.2';
/** A client that connects later is told of this many sagas that run. */
const SHOWN_MAX = 200;
/** A client that does not keep up is cut off: memory is worth more than its picture. */
const BACKLOG_BYTES_MAX = 4 * 1024 * 1024;

type Message = StatelyActorEvent | StatelyEventEvent | StatelySnapshotEvent;
type Transition = Extract<EngineEvent, { type: 'transition' }>;

export async function startInspector(port: number): Promise<Inspector> {
  const http = createServer(answerPage);
  await new Promise<void>((resolve, reject) => {
    http.once('error', reject);
    http.listen(port, '127.0.0.1', resolve);
  });
  const listening = (http.address() as AddressInfo).port;
  const hosts = [`127.0.0.1:${listening}`, `localhost:${listening}`];
  const wss = new WebSocketServer({
    server: http,
    maxPayload: 1024,
    verifyClient: ({ req, origin }: { req: IncomingMessage; origin: string | undefined }) =>
      hosts.includes(req.headers.host ?? '') &&
      (origin === undefined || hosts.some((host) => origin === `http://${host}`)),
  });

  /** Sagas that run, each with the message that introduces it: for clients that connect later. */
  const shown = new Map<string, Message>();
  wss.on('connection', (client) => {
    client.on('error', () => client.terminate());
    for (const message of shown.values()) client.send(stringify(message));
  });

  function send(message: Message): void {
    const text = stringify(message);
    for (const client of wss.clients) {
      if (client.bufferedAmount > BACKLOG_BYTES_MAX) client.terminate();
      else if (client.readyState === WebSocket.OPEN) client.send(text);
    }
  }

  const observe: Observe = (event) => {
    if (event.type === 'lost') shown.delete(event.id);
    if (event.type !== 'transition') return;
    const introduction = actorMessage(event);
    if (!shown.has(event.id)) send(introduction);
    shown.delete(event.id);
    if (event.status === 'STARTED') {
      shown.set(event.id, introduction);
      const [oldest] = shown.keys();
      if (shown.size > SHOWN_MAX && oldest !== undefined) shown.delete(oldest);
    }
    if (event.event !== null) send(eventMessage(event));
    send(snapshotMessage(event));
  };

  return {
    observe,
    url: `http://127.0.0.1:${listening}`,
    close: () =>
      new Promise((resolve) => {
        for (const client of wss.clients) client.terminate();
        wss.close();
        http.close(() => resolve());
      }),
  };
}

function base(id: string) {
  return { sessionId: id, rootId: id, createdAt: Date.now().toString(), id: '', _version: MESSAGE_VERSION };
}

function actorMessage(event: Transition): StatelyActorEvent {
  const { id, machine } = event;
  return {
    ...base(id),
    type: '@xstate.actor',
    name: `${machine.id} ${id}`,
    parentId: undefined,
    definition: definitionOf(machine),
    snapshot: inspected(event),
  };
}

function eventMessage(event: Transition): StatelyEventEvent {
  return { ...base(event.id), type: '@xstate.event', event: shownEvent(event), sourceId: undefined };
}

function snapshotMessage(event: Transition): StatelySnapshotEvent {
  // The types ask for a live snapshot; what travels, and what the inspector reads, is this much of it.
  const snapshot = inspected(event) as unknown as StatelySnapshotEvent['snapshot'];
  return { ...base(event.id), type: '@xstate.snapshot', event: shownEvent(event), snapshot };
}

function shownEvent({ machine, event, context }: Transition): { type: string } {
  return event === null ? { type: 'xstate.init' } : machine.hide(event, context);
}

function inspected({ machine, context, entry, status }: Transition): StatelyActorEvent['snapshot'] {
  const ended = status === 'COMPLETED' || status === 'FAILED';
  const shown = machine.redacted(context);
  return { status: ended ? 'done' : 'active', value: stateValueOf(entry.to), context: shown };
}

/** `a.b` as the state value `{ a: 'b' }`. */
function stateValueOf(state: string): unknown {
  const [outer = state, ...inner] = state.split('.');
  return inner.length === 0 ? outer : { [outer]: stateValueOf(inner.join('.')) };
}

const definitions = new WeakMap<RegisteredMachine, string>();

function definitionOf(registered: RegisteredMachine): string {
  const known = definitions.get(registered) ?? toConfig(registered.machine);
  definitions.set(registered, known);
  return known;
}

/** Hands the messages to Stately's page, which comes from the internet, inside a frame. */
function answerPage(request: IncomingMessage, response: ServerResponse): void {
  const asked = request.method === 'GET' && request.url === '/';
  response.writeHead(asked ? 200 : 404, {
    'content-type': 'text/html; charset=utf-8',
    'x-content-type-options': 'nosniff',
  });
  response.end(asked ? PAGE : 'not found');
}

const PAGE = `<!doctype html>
<html lang="en">
<title>Saga inspector</title>
<style>html, body, iframe { margin: 0; width: 100%; height: 100%; border: 0 }</style>
<iframe title="Stately inspector" src="https://stately.ai/inspect"></iframe>
<script>
  const page = document.querySelector('iframe').contentWindow;
  const origin = 'https://stately.ai';
  const early = [];
  let connected = false;
  addEventListener('message', ({ data, origin: from }) => {
    if (from !== origin || data?.type !== '@statelyai.connected') return;
    connected = true;
    for (const message of early.splice(0)) page.postMessage(message, origin);
  });
  new WebSocket('ws://' + location.host).addEventListener('message', ({ data }) => {
    if (connected) page.postMessage(JSON.parse(data), origin);
    else early.push(JSON.parse(data));
  });
</script>
`;
