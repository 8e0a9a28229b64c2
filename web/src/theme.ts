import { createTheme, defaultVariantColorsResolver, type CSSVariablesResolver, type MantineColorsTuple } from '@mantine/core'

// Mantine draws dialogs, inputs and menus; its colours and sizes come from style/tokens.css.
const ink: MantineColorsTuple = ['#f6f7f8', '#eef1f3', '#dfe3e6', '#c6ccd2', '#aab2ba', '#8b949d', '#5d6770', '#3b434c', '#23282e', '#14181c']

export const theme = createTheme({
  fontFamily: 'var(--face)',
  fontFamilyMonospace: 'var(--mono)',
  headings: { fontFamily: 'var(--face)', fontWeight: '600' },
  colors: { ink },
  primaryColor: 'ink',
  primaryShade: { light: 9, dark: 1 },
  // A filled control is the one strong thing of its area: ink on ground.
  variantColorResolver: (input) =>
    input.variant === 'filled' && (input.color === 'ink' || input.color === undefined)
      ? { background: 'var(--ink)', hover: 'var(--text-2)', color: 'var(--on-ink)', border: '1px solid transparent' }
      : input.color === 'danger'
        ? { background: 'var(--high)', hover: 'var(--high)', color: 'var(--on-alarm)', border: '1px solid transparent' }
        : defaultVariantColorsResolver(input),
  defaultRadius: 3,
  fontSizes: { xs: '0.75rem', sm: '0.875rem', md: '1rem', lg: '1.25rem', xl: '1.75rem' },
  cursorType: 'pointer',
  respectReducedMotion: true,
  // A message goes by itself; a button to close it would need a name and a hand.
  components: {
    Notification: { defaultProps: { withCloseButton: false } },
    Checkbox: { defaultProps: { iconColor: 'var(--on-ink)' } },
    Radio: { defaultProps: { iconColor: 'var(--on-ink)' } },
  },
})

const both = {
  '--mantine-color-body': 'var(--ground)',
  '--mantine-color-text': 'var(--text)',
  '--mantine-color-dimmed': 'var(--text-2)',
  '--mantine-color-placeholder': 'var(--text-3)',
  '--mantine-color-default': 'var(--surface)',
  '--mantine-color-default-hover': 'var(--raised)',
  '--mantine-color-default-color': 'var(--text)',
  '--mantine-color-default-border': 'var(--line-strong)',
  '--mantine-color-error': 'var(--high)',
  '--mantine-color-anchor': 'var(--text)',
  '--mantine-primary-color-filled': 'var(--ink)',
  '--mantine-primary-color-filled-hover': 'var(--text-2)',
  '--mantine-primary-color-contrast': 'var(--on-ink)',
}

export const variables: CSSVariablesResolver = () => ({ variables: {}, dark: both, light: both })
