import react from '@vitejs/plugin-react'
import { defineConfig } from 'vitest/config'

// Libraries change rarely and are large; our own code changes often and is small. They are kept in
// separate files so that a change of a screen does not rewrite the library file in dist.
const library = /node_modules\/(react|react-dom|scheduler|@tanstack|wouter|regexparam|@mantine\/(core|hooks|notifications)|@floating-ui|tabbable|clsx|react-remove-scroll|react-number-format|react-transition-group|use-|tslib)/

export default defineConfig({
  plugins: [react()],
  base: '/',
  build: {
    target: 'es2022',
    sourcemap: false,
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 700,
    rollupOptions: {
      output: {
        entryFileNames: 'assets/[name]-[hash].js',
        chunkFileNames: 'assets/[name]-[hash].js',
        assetFileNames: 'assets/[name]-[hash][extname]',
        manualChunks: (id: string) => (library.test(id) ? 'vendor' : undefined),
      },
    },
  },
  server: { host: '127.0.0.1', proxy: { '/api': { target: process.env.VIGIL_SERVER ?? 'http://127.0.0.1:7499', ws: true } } },
  test: { environment: 'node', include: ['src/**/*.test.ts'] },
})
