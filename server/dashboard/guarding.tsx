/** What browsers are told beside the pages: what they may load, and refusals as pages instead of problem documents. */
import type { Context, MiddlewareHandler } from 'hono';
import { StoreUnavailableError } from '../../stores/saga-store.ts';
import { errorsIn, type FieldError, PROBLEMS, Problem, type ProblemType } from '../problem.ts';
import { type Frame, type FrameFor, Message } from './page.tsx';

const CSP = [
  "default-src 'self'",
  "base-uri 'none'",
  "object-src 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join('; ');

export function pageGuard(frame: FrameFor): MiddlewareHandler {
  const guarded: MiddlewareHandler = async (c, next) => {
    await next();
    const type = wantsPage(c) ? (refusalIn(c.error) ?? (await refusedIn(c.res))) : null;
    if (type === 'unauthorized') {
      const { search } = new URL(c.req.url);
      const to = c.req.method === 'GET' ? `?${new URLSearchParams({ to: c.req.path + search })}` : '';
      replace(c, new Response(null, { status: 303, headers: { location: `/login${to}` } }));
    } else if (type !== null) {
      const detail =
        c.error instanceof Problem ? c.error.message : (DETAILS[type] ?? 'It is asked again by itself.');
      const problem = c.error instanceof Problem ? c.error : null;
      const errors = problem === null ? [] : errorsIn(problem);
      const page = <Refused frame={frame(c)} type={type} detail={detail} errors={errors} />;
      const again = type === 'store-unavailable' ? { refresh: '3' } : {};
      const headers = { ...problem?.headers, 'content-type': 'text/html; charset=UTF-8', ...again };
      replace(c, new Response(String(await page), { status: PROBLEMS[type][0], headers }));
    }
    c.res.headers.set('x-content-type-options', 'nosniff');
    // With `no-referrer` a browser sends our own forms as from nowhere, and they would be refused.
    c.res.headers.set('referrer-policy', 'same-origin');
    if (!c.res.headers.has('content-security-policy')) c.res.headers.set('content-security-policy', CSP);
    if (!c.res.headers.has('cache-control')) c.res.headers.set('cache-control', 'no-store');
  };
  return (c, next) => (c.req.path.startsWith('/api/') ? next() : guarded(c, next));
}

/** With nothing left of the answer before: its headers would be carried over. */
function replace(c: Context, response: Response): void {
  c.res = undefined;
  c.res = response;
}

/** A browser that navigates; what asks for an API, or for anything, gets the problem document. */
function wantsPage(c: Context): boolean {
  return (c.req.header('accept') ?? '').includes('text/html');
}

function refusalIn(error: Error | undefined): ProblemType | null {
  if (error instanceof Problem) return error.type;
  if (error instanceof StoreUnavailableError) return 'store-unavailable';
  return error === undefined ? null : 'internal-error';
}

/** What was refused without an error: a path that there is not, or a method that it does not know. */
async function refusedIn(response: Response): Promise<ProblemType | null> {
  if (response.headers.get('content-type')?.startsWith('application/problem+json') !== true) return null;
  const { type } = (await response.clone().json()) as { readonly type: ProblemType };
  return type;
}

const TITLES: Partial<Record<ProblemType, string>> = {
  'access-off': 'The dashboard is switched off',
  'not-found': 'There is no such page',
  'saga-not-found': 'There is no such saga',
  'store-unavailable': 'The store cannot be reached',
};

const DETAILS: Partial<Record<ProblemType, string>> = {
  'not-found': 'The path may be mistyped, or be one of another release.',
  'method-not-allowed': 'This is no place to which anything is sent.',
};

interface RefusedProps {
  readonly frame: Frame;
  readonly type: ProblemType;
  readonly detail: string;
  readonly errors: readonly FieldError[];
}

function Refused({ frame, type, detail, errors }: RefusedProps) {
  return (
    <Message frame={frame} title={TITLES[type] ?? PROBLEMS[type][1]}>
      {errors.length === 0 && <p>{detail}</p>}
      {errors.length > 0 && (
        <ul>
          {errors.map(({ pointer, detail }) => (
            <li>
              {pointer !== '' && <code>{pointer}</code>} {detail}
            </li>
          ))}
        </ul>
      )}
      {type === 'store-unavailable' && (
        <p>No saga is lost by that: each goes on as soon as the store is back.</p>
      )}
      <p class="acts">
        <a class="button" href="/">
          Overview
        </a>
      </p>
    </Message>
  );
}
