import './trusted'
import './style/tokens.css'
import './style/mantine.css'
import './style/base.css'
import './style/shell.css'
import './style/alarm.css'
import { MantineProvider } from '@mantine/core'
import { Notifications } from '@mantine/notifications'
import { QueryCache, QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { setNonce } from 'get-nonce'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { forgetWhatIsClosed } from './api/closed'
import { App } from './app'
import { tellSeen } from './live/seen'
import { remembered } from './preferences'
import { flashInStep } from './style/in-step'
import { paperIsWhite } from './style/print'
import { theme, variables } from './theme'

const nonce = document.querySelector<HTMLMetaElement>('meta[property="csp-nonce"]')?.nonce ?? ''
setNonce(nonce) // dialogs and menus hold the page still by a style of their own
flashInStep(document)
paperIsWhite(document.documentElement)
tellSeen(location, history)
const client = new QueryClient({ queryCache: new QueryCache({ onError: forgetWhatIsClosed }), defaultOptions: { queries: { refetchOnWindowFocus: true, staleTime: 2_000 } } })
const root = document.getElementById('root')
if (!root) throw new Error('index.html has no #root')

createRoot(root).render(
  <StrictMode>
    <MantineProvider theme={theme} cssVariablesResolver={variables} defaultColorScheme={remembered.theme()} getStyleNonce={() => nonce}>
      <QueryClientProvider client={client}>
        <App />
        <Notifications position="bottom-right" autoClose={5000} limit={3} />
      </QueryClientProvider>
    </MantineProvider>
  </StrictMode>,
)
