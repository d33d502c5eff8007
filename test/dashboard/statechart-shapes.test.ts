/** The pictures of three machines, measured: nothing lies on anything else, whatever parts there are and however long their names. */
import { describe, expect, it } from 'vitest';
import { definitionOf } from '../../machines/definition.ts';
import { RegisteredMachine } from '../../machines/index.ts';
import { orderSaga } from '../../machines/order.ts';
import { trip } from '../../machines/trip.ts';
import type { Chart, ChartNode } from '../../server/dashboard/statechart/chart.ts';
import { chartOf } from '../../server/dashboard/statechart/layout.ts';
import { pictureOf } from '../../server/dashboard/statechart/picture.tsx';
import { everywhere } from '../machines/placed-order.ts';
import { longSaga } from './long-saga.ts';

const policies = everywhere({});
const machines = [orderSaga(policies), definitionOf(trip, policies), definitionOf(longSaga, policies)].map(
  (definition) => new RegisteredMachine(definition),
);

interface Box {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

const boxOf = ({ x, y, width, height }: ChartNode): Box => ({
  left: x,
  top: y,
  right: x + width,
  bottom: y + height,
});
const isApart = (a: Box, b: Box) =>
  a.right <= b.left || b.right <= a.left || a.bottom <= b.top || b.bottom <= a.top;
/** With so many pixels around it that nobody takes them for one. */
const grown = ({ left, top, right, bottom }: Box, by: number): Box => ({
  left: left - by,
  top: top - by,
  right: right + by,
  bottom: bottom + by,
});
const isWithin = (a: Box, b: Box) =>
  a.left >= b.left && a.right <= b.right && a.top >= b.top && a.bottom <= b.bottom;

/** The frames around a node, from the inside to the outside. */
function around({ nodes }: Chart, { frame }: ChartNode): ChartNode[] {
  const found = nodes.find(({ id }) => id === frame);
  return found === undefined ? [] : [found, ...around({ nodes } as Chart, found)];
}

/** Every text with the room that it takes, as the picture says it. */
function textsOf(svg: string): (Box & { text: string; hasWhole: boolean })[] {
  const found = svg.matchAll(
    /<text\s[^>]*?x="([\d.]+)" y="([\d.]+)"(?: text-anchor="(\w+)")?(?: textLength="([\d.]+)")?[^>]*>([\s\S]*?)<\/text>/g,
  );
  return [...found].map(([, x, y, anchor, length, inside = '']) => {
    const text = inside.replace(/<title>[\s\S]*<\/title>/, '').trim();
    const width = Number(length ?? text.length * 6);
    const left = Number(x) - (anchor === 'middle' ? width / 2 : anchor === 'end' ? width : 0);
    const hasWhole = inside.includes('<title>');
    return { text, hasWhole, left, right: left + width, top: Number(y) - 9, bottom: Number(y) + 3 };
  });
}

/** The straight stretches of an arrow. */
function stretchesOf(path: string): Box[] {
  let [x, y] = [0, 0];
  const boxes: Box[] = [];
  for (const [, letter, rest = ''] of path.matchAll(/([MHVQC])([^MHVQC]*)/g)) {
    const numbers = rest.trim().split(/[ ,]+/).map(Number);
    const [toX, toY] =
      letter === 'H' ? [numbers[0], y] : letter === 'V' ? [x, numbers[0]] : [numbers.at(-2), numbers.at(-1)];
    if (letter === 'H' || letter === 'V')
      boxes.push({
        left: Math.min(x, toX ?? 0),
        right: Math.max(x, toX ?? 0),
        top: Math.min(y, toY ?? 0),
        bottom: Math.max(y, toY ?? 0),
      });
    [x, y] = [toX ?? 0, toY ?? 0];
  }
  return boxes;
}

/** Pixels between what must not be taken for one. */
const CLEAR = 3;

/** Whether two stretches go the same way, so near to each other that they look like one line. */
function areAlong(a: Box, b: Box): boolean {
  const isLevel = ({ top, bottom }: Box) => top === bottom;
  if (isLevel(a) !== isLevel(b)) return false;
  const shared = isLevel(a)
    ? Math.min(a.right, b.right) - Math.max(a.left, b.left)
    : Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
  const between = isLevel(a) ? Math.abs(a.top - b.top) : Math.abs(a.left - b.left);
  return shared > CLEAR && between < CLEAR;
}

describe.each(machines.map((machine) => [machine.id, machine] as const))(
  'the picture of %s',
  (_, machine) => {
    const chart = chartOf(machine);
    const svg = pictureOf(machine);
    const page: Box = { left: 0, top: 0, right: chart.width, bottom: chart.height };

    it('has a place for every state that a saga can be in', () => {
      const ids = chart.nodes.map(({ id }) => id);
      expect(new Set(ids).size).toBe(ids.length);
      for (const state of Object.keys(machine.machine.states)) expect(ids).toContain(state);
      for (const { name } of machine.steps)
        expect(
          chart.nodes.filter(({ step, kind }) => step === name && kind === 'action'),
          name,
        ).toHaveLength(1);
    });

    it('has no part on another, and holds what is in a frame within it', () => {
      for (const [index, a] of chart.nodes.entries()) {
        expect(isWithin(boxOf(a), page), a.id).toBe(true);
        const frames = around(chart, a);
        for (const frame of frames)
          expect(isWithin(grown(boxOf(a), CLEAR), boxOf(frame)), `${a.id} in ${frame.id}`).toBe(true);
        for (const b of chart.nodes.slice(index + 1)) {
          if (frames.includes(b) || around(chart, b).includes(a)) continue;
          expect(isApart(grown(boxOf(a), CLEAR), boxOf(b)), `${a.id} and ${b.id}`).toBe(true);
        }
      }
    });

    it('has each compensation beside its action', () => {
      for (const { kind, step, y } of chart.nodes) {
        if (kind !== 'compensation' && kind !== 'kept') continue;
        expect(chart.nodes.find((node) => node.kind === 'action' && node.step === step)?.y, `${step}`).toBe(
          y,
        );
      }
    });

    it('has no text on another, none over the edge of its part, and says in full what is cut', () => {
      const texts = textsOf(svg);
      expect(texts.length).toBeGreaterThan(chart.nodes.length / 2);
      for (const [index, text] of texts.entries()) {
        expect(isWithin(text, page), text.text).toBe(true);
        if (text.text.endsWith('…')) expect(text.hasWhole, text.text).toBe(true);
        for (const other of texts.slice(index + 1))
          expect(isApart(text, other), `${text.text} and ${other.text}`).toBe(true);
        for (const node of chart.nodes) {
          if (node.kind === 'choice' || node.kind === 'start') continue;
          const [inner, outer] = [text, boxOf(node)];
          const isOutside = isApart(inner, outer);
          expect(isOutside || isWithin(inner, outer), `${text.text} at the edge of ${node.id}`).toBe(true);
        }
      }
    });

    it('has no arrow through a part that it neither leaves nor enters', () => {
      for (const { from, to, path } of chart.edges) {
        const ends = chart.nodes.filter(({ id }) => id === from || id === to);
        const passed = chart.nodes.filter(
          (node) => !ends.includes(node) && !ends.some((end) => around(chart, end).includes(node)),
        );
        for (const stretch of stretchesOf(path)) {
          expect(isWithin(stretch, page), `${from} > ${to}`).toBe(true);
          for (const node of passed)
            expect(isApart(grown(stretch, CLEAR), boxOf(node)), `${from} > ${to} through ${node.id}`).toBe(
              true,
            );
        }
      }
    });

    it('has no arrow along another that leads elsewhere', () => {
      const lines = chart.edges.map((edge) => ({ ...edge, stretches: stretchesOf(edge.path) }));
      for (const [index, a] of lines.entries()) {
        for (const b of lines.slice(index + 1)) {
          if (a.from === b.from || a.to === b.to || a.from === b.to || a.to === b.from) continue;
          for (const one of a.stretches)
            for (const other of b.stretches)
              expect(areAlong(one, other), `${a.from} > ${a.to} along ${b.from} > ${b.to}`).toBe(false);
        }
      }
    });

    it('has the line of its pivot below that, and above all that is done behind it', () => {
      const pivots = chart.nodes.filter(({ isPivot }) => isPivot);
      expect(chart.pivots.length).toBe(pivots.length);
      for (const [index, { x, y, width }] of chart.pivots.entries()) {
        const line = grown({ left: x, right: x + width, top: y, bottom: y }, CLEAR);
        expect(isWithin(line, page)).toBe(true);
        expect(y).toBeGreaterThan((pivots[index]?.y ?? 0) + (pivots[index]?.height ?? 0));
        for (const node of chart.nodes) expect(isApart(line, boxOf(node)), node.id).toBe(true);
      }
    });
  },
);
