import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { afterEach, describe, expect, it } from 'vitest';
import { ANY_PORTS, FIXED_PORTS, type RunningServices, startServices } from '../../services-stub/start.ts';
import { argumentsOf } from '../programs.ts';
import { Caller } from './caller.ts';
import { eventually } from './simulated-means.ts';

describe('in this process', () => {
  let running: RunningServices | null = null;
  afterEach(async () => {
    await running?.close();
    running = null;
  });

  it('they keep connections for longer than their callers do', async () => {
    running = await startServices({ ports: ANY_PORTS });
    const { services } = running;
    const { headers } = await fetch(`${services.order.url}/health`);
    expect(headers.get('keep-alive')).toBe('timeout=75');
  });

  it('the five carry a saga forward and back, and their journals read as one', async () => {
    running = await startServices({ ports: ANY_PORTS });
    const { order, inventory, payment } = running.services;
    const items = [{ product_id: 'limited-edition', quantity: 1, unit_price: 900 }];
    const context = { customer_id: 'cust_1', items, currency: 'EUR', amount: 900 };
    const orders = new Caller(order, order.url);
    const stock = new Caller(inventory, inventory.url);
    const payments = new Caller(payment, payment.url);

    const { order_id } = (await orders.action(context)).body;
    await stock.action({ order_id, items });
    const declined = {
      order_id,
      amount: 900,
      currency: 'EUR',
      payment: { method: 'card', token: 'tok_declined' },
    };
    expect((await payments.action(declined)).status).toBe(402);
    await payments.compensate(declined);
    await stock.compensate({ order_id, items });
    await orders.compensate(context);

    const told = running
      .journal()
      .map(({ seq, service, kind, outcome }) => `${seq} ${service} ${kind} ${outcome}`);
    expect(told).toEqual([
      '1 order action performed',
      '2 inventory action performed',
      '3 payment action refused',
      '4 payment compensation nothing-to-undo',
      '5 inventory compensation performed',
      '6 order compensation performed',
    ]);
    expect(inventory.books.available.get('limited-edition')).toBe(3);
    expect(order_id).toMatch(/^ord_[0-9a-f]{20}$/);
  });

  it('has the ports that the contract fixes', () => {
    expect(FIXED_PORTS).toEqual({
      order: 8000,
      inventory: 8001,
      payment: 8002,
      shipping: 8003,
      notification: 8004,
    });
  });

  it('starts only those that are named, with the given stock', async () => {
    const some = await startServices({ only: ['inventory'], ports: ANY_PORTS, stock: { teapot: 1 } });
    expect(Object.keys(some.services)).toEqual(['inventory']);
    expect(some.services.inventory.books.available.get('teapot')).toBe(1);
    await some.close();
  });

  it('stops those already started when one cannot start', async () => {
    running = await startServices({ ports: ANY_PORTS });
    const { payment } = running.services;
    const freed = await startServices({ only: ['order'], ports: ANY_PORTS });
    await freed.close();
    const ports = { ...ANY_PORTS, order: freed.services.order.port, inventory: payment.port };
    await expect(startServices({ ports })).rejects.toThrow('EADDRINUSE');
    const again = await startServices({ only: ['order'], ports });
    await again.close();
  });

  it('drains: a call under way is answered, and its connection closed', async () => {
    const one = await startServices({ only: ['notification'], ports: ANY_PORTS, faultsOn: true });
    const { notification } = one.services;
    const caller = new Caller(notification, notification.url);
    await caller.faults({ endpoint: 'action', kind: 'slow-effect', latency_ms: 600_000 });
    const action = caller.action({ order_id: 'ord_1', customer_id: 'cust_1', tracking_number: 'TRK1' });
    await eventually(() => notification.faults.describe()[0]?.hits === 1);
    await one.close();
    expect((await action).status).toBe(201);
    await expect(caller.get('/health')).rejects.toThrow('fetch failed');
  });
});

describe('as a process', () => {
  let child: ChildProcessWithoutNullStreams | null = null;
  afterEach(() => {
    child?.kill('SIGKILL');
    child = null;
  });

  const anyPorts = Object.fromEntries(
    Object.keys(ANY_PORTS).map((name) => [`${name.toUpperCase()}_PORT`, '0']),
  );
  const run = (names: readonly string[], env: Record<string, string>) => {
    const args = [...argumentsOf('services-stub/main.ts'), ...names];
    child = spawn(process.execPath, args, { env: { ...process.env, ...anyPorts, ...env } });
    const lines: string[] = [];
    const errors: string[] = [];
    createInterface(child.stderr).on('line', (line) => errors.push(line));
    const stdout = createInterface(child.stdout);
    const ready = new Promise<void>((resolve) => {
      stdout.on('line', (line) => {
        lines.push(line);
        if (line.startsWith('services ready')) resolve();
      });
    });
    return { child, lines, errors, ready, closed: once(child, 'close') };
  };

  it.each(['SIGTERM', 'SIGINT'] as const)('says when it is ready, and drains on %s', async (signal) => {
    const services = run([], {});
    await services.ready;
    expect(services.lines).toHaveLength(6);
    expect(services.lines[0]).toMatch(/^order service ready at http:\/\/127\.0\.0\.1:\d+$/);
    expect(services.lines.at(-1)).toBe('services ready: 5');
    services.child.kill(signal);
    expect(await services.closed).toEqual([0, null]);
    expect(services.lines.at(-1)).toBe('services stopped');
  });

  it('runs one by name, with faults and stock from the environment', async () => {
    const services = run(['inventory'], { FAULTS: '1', INVENTORY_STOCK: 'teapot=2, widget=1' });
    await services.ready;
    const url = services.lines[0]?.split(' ').at(-1);
    expect(services.lines).toEqual([`inventory service ready at ${url}`, 'services ready: 1, faults on']);
    expect((await fetch(`${url}/faults`)).status).toBe(200);
    const { stock } = (await (await fetch(`${url}/api/inventory/stock`)).json()) as { stock: object[] };
    expect(stock).toContainEqual({ product_id: 'teapot', available: 2 });
    expect(stock).toContainEqual({ product_id: 'widget', available: 1 });
  });

  it('names every mistake in its settings at once, and does not start', async () => {
    const services = run(['billing'], { ORDER_PORT: '70000', INVENTORY_STOCK: 'lots' });
    expect(await services.closed).toEqual([1, null]);
    const told = services.errors.join('\n');
    for (const mistake of ['billing', 'ORDER_PORT', 'INVENTORY_STOCK']) expect(told).toContain(mistake);
  });
});
