/** How a browser gets in and out: by a token that it shows once, or at the provider that knows who it is. */
import type { Context, Hono } from 'hono';
import { formIn } from '../body.ts';
import { ownUrl } from '../edge.ts';
import { Problem } from '../problem.ts';
import type { DashboardParts } from './dashboard-parts.ts';
import { type Frame, type FrameFor, Page } from './page.tsx';

export function loginRoutes(pages: Hono, { session, users }: DashboardParts, frame: FrameFor): void {
  const login = users?.login ?? null;
  const ways = { byToken: session !== null, byProvider: login !== null };
  const isOpen = async (c: Context) =>
    (session === null && users === null) ||
    (session?.callerIn(c) ?? (await users?.inSession(c)) ?? null) !== null;

  pages.get('/login', async (c) => {
    const to = pathIn(c.req.query('to'));
    return (await isOpen(c))
      ? c.redirect(to, 303)
      : c.html(Login({ frame: frame(c), to, isWrong: false, ...ways }));
  });
  pages.post('/login', async (c) => {
    const { token, to } = await formIn(c);
    const target = pathIn(to);
    if (session === null || session.open(c, String(token ?? ''))) return c.redirect(target, 303);
    return c.html(Login({ frame: frame(c), to: target, isWrong: true, ...ways }), 401);
  });
  pages.get('/login/start', async (c) => {
    if (login === null) throw new Problem('not-found', 'nobody logs in by a provider here');
    return c.redirect(await login.begin(c, ownUrl(c), pathIn(c.req.query('to'))), 303);
  });
  pages.get('/login/callback', async (c) => {
    if (login === null || users === null) throw new Problem('not-found', 'nobody logs in by a provider here');
    const { caller, to } = await login.finish(c);
    if (caller.roles.size === 0)
      throw new Problem('login-failed', `the provider gives ${caller.name} no role here`);
    await users.openSession(c, caller);
    return c.redirect(to, 303);
  });
  pages.post('/logout', (c) => {
    session?.close(c);
    users?.closeSession(c);
    return c.redirect('/login', 303);
  });
}

/** A path of ours: a login must not lead to another site. */
function pathIn(to: unknown): string {
  return typeof to === 'string' && /^\/(?![/\\])[\w\-./?=&%@:]*$/.test(to) ? to : '/';
}

interface LoginProps {
  readonly frame: Frame;
  readonly to: string;
  readonly isWrong: boolean;
  readonly byToken: boolean;
  readonly byProvider: boolean;
}

function Login({ frame, to, isWrong, byToken, byProvider }: LoginProps) {
  return (
    <Page frame={frame} title="Log in" isBare>
      <form class="card narrow" method="post" action="/login">
        <h1>Log in</h1>
        {byProvider && (
          <p class="acts">
            <a class="button primary" href={`/login/start?${new URLSearchParams({ to })}`}>
              Log in with your organisation
            </a>
          </p>
        )}
        {!byProvider && !byToken && (
          <p class="note">Browsers cannot log in here: OIDC_CLIENT_ID is not set.</p>
        )}
        {byToken && <p class="note">This coordinator can be reached by others. Its API_TOKEN lets you in.</p>}
        {isWrong && (
          <p class="error" role="alert">
            That is not the token.
          </p>
        )}
        <input type="hidden" name="to" value={to} />
        {byToken && (
          <label>
            Token
            <input
              type="password"
              name="token"
              required
              autofocus
              autocomplete="current-password"
              maxlength={1024}
            />
          </label>
        )}
        {byToken && (
          <button type="submit" class={byProvider ? 'button' : 'button primary'}>
            Log in
          </button>
        )}
      </form>
    </Page>
  );
}
