# One image for the coordinator and for the five stub services: the command says which of them runs.
#
# Debian slim and not Alpine, because Node's releases are built and tested against glibc; its musl builds are
# unofficial. Pinned to the major: a rebuild brings the security fixes, a new major comes only by decision.
FROM node:24-slim AS base
WORKDIR /app
COPY package.json package-lock.json ./

# No dependency may run a script of its own here: none needs to, and a stolen package begins with one.
FROM base AS build
RUN --mount=type=cache,target=/root/.npm npm ci --ignore-scripts
COPY . .
RUN npm run build

FROM base AS dependencies
RUN --mount=type=cache,target=/root/.npm npm ci --ignore-scripts --omit=dev

FROM base
# A container is reached from outside itself and finds its neighbours by name; neither is sniffed.
ENV NODE_ENV=production \
    HOST=0.0.0.0 \
    SERVICE_HOSTS=containers
# Everything stays root's, so the process cannot rewrite its own code.
COPY --from=dependencies /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
# By number, because Kubernetes cannot tell from a name that a user is not root. This one is `node`.
USER 1000:1000
EXPOSE 8000 8001 8002 8003 8004 9000
# Asks whether the process lives, not whether it is ready: a lost Redis is no reason to replace a coordinator.
# It follows COORDINATOR_PORT and HOST. A stub service answers elsewhere, and says so where it is run (docker-compose.yml).
HEALTHCHECK --interval=10s --timeout=3s --retries=3 --start-period=30s \
  CMD ["node", "dist/server/health-check.js", "/livez", "COORDINATOR_PORT", "9000"]
# In exec form no shell stands between a signal and node, so SIGTERM drains.
# Most of what a step allocates is garbage when it ends: with room for it, the collector looks at a third as much (docs/performance.md).
CMD ["node", "--enable-source-maps", "--max-semi-space-size=64", "dist/server/main.js"]
