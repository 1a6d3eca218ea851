FROM node:20-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY scripts/build-browser.mjs scripts/build-dashboard.mjs scripts/
COPY src src
COPY workers workers
RUN npm run build

FROM node:20-bookworm-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
# bullmq and ioredis are peers of the package and, to be tested with, development dependencies too, for which
# --omit=dev would leave them out. Without the development list npm installs them as the peers they are, and still
# in the versions of package-lock.json.
RUN npm pkg delete devDependencies && npm ci --no-audit --no-fund

FROM node:20-bookworm-slim
# Loopback inside a container is out of everybody's reach. Who is served is decided by the bridge, not by this.
ENV NODE_ENV=production HOST=0.0.0.0
WORKDIR /app
COPY --from=dependencies /app/node_modules node_modules
COPY --from=build /app/dist dist
# The sample workers, for docker-compose.yml.
COPY --from=build /app/workers/build workers/build
COPY package.json ./
RUN chmod +x dist/cli/main.js && ln -s /app/dist/cli/main.js /usr/local/bin/bullcast
USER node
EXPOSE 3939
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s --retries=3 CMD node -e '\
  const { PORT, BULLCAST_BASE_PATH, BULLCAST_ADMIN_TOKEN } = process.env; \
  const url = `http://127.0.0.1:${PORT || 3939}${BULLCAST_BASE_PATH || "/ws"}/health`; \
  const headers = BULLCAST_ADMIN_TOKEN ? { authorization: `Bearer ${BULLCAST_ADMIN_TOKEN}` } : {}; \
  fetch(url, { headers }).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))'
CMD ["bullcast", "serve"]
