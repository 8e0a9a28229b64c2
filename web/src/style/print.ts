/** Paper is white: what is printed from a dark screen takes the light colours for as long as it is printed. */
export function paperIsWhite(root: HTMLElement) {
  let screen: string | null = null
  addEventListener('beforeprint', () => {
    screen = root.getAttribute('data-mantine-color-scheme')
    root.setAttribute('data-mantine-color-scheme', 'light')
  })
  addEventListener('afterprint', () => screen && root.setAttribute('data-mantine-color-scheme', screen))
}
