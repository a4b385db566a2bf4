"""Activations: the function σ of a hidden neuron and, where one exists, its interaction in closed form.

Two hidden neurons with weights w, p see Gaussian input x ~ N(0, I) only through w·x and p·x, a Gaussian
pair that three *order parameters* describe: the norms r₁ = ‖w‖, r₂ = ‖p‖ and the correlation
u = w·p/(r₁r₂). Closed forms take a fourth, v = 1 − u², which cannot be recovered from u without loss of
digits once the neurons are nearly parallel.

The interaction G(w, p) = E[σ(w·x)σ(p·x)] and its derivatives are, with ŵ = w/r₁, p̂ = p/r₂ and the
components m = p̂ − uŵ of p̂ across w and m′ = ŵ − up̂ of ŵ across p, of length √v,

    ∂G/∂w    = own · w + cross · p,
    ∂²G/∂w²  = own · I + own_ww ŵŵᵀ + own_wm (ŵmᵀ + mŵᵀ) + own_mm mmᵀ,
    ∂²G/∂w∂p = cross · I + cross_wp ŵp̂ᵀ + cross_wm ŵm′ᵀ + cross_mp mp̂ᵀ + cross_mm mm′ᵀ.

In these coordinates every coefficient stays finite, or is multiplied by a vector that vanishes faster.
"""
