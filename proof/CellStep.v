(* F5 to F9: one step of the cell. An implementation (u, eta, r, ab) is compared with an oracle that rounds itself
   (u', eta', r'); the formulas are evaluated at u + u' and at ETA >= eta + 3 eta'. With u' = eta' = r' = 0 the oracle
   is exact. *)
From Coq Require Import Reals Lra Psatz List Lia.
From LSTM Require Import Activations DotProducts.
Open Scope R_scope.

(* F5, rounding._activation: L is the slope, da the error of the argument, r and ab the errors of the function, in u *)
Definition activation_error (L da r u v ab eta : R) : R :=
  Rmin (L * da) 2 + r * u * (Rabs v + Rmin (L * da) 2) + ab * u + 2 * eta.

(* F6, cell.multiplied_cell_state *)
Definition cell_sum_error (i f g c di df dg E u eta : R) : R :=
  (f + df) * E + df * Rabs c + (Rabs g * di + i * dg + di * dg)
  + u * ((f + df) * (Rabs c + E) + i * Rabs g + (Rabs g * di + i * dg + di * dg)) + 2 * eta.
(* F7, cell.multiplied_cell_state *)
Definition cell_error (e cn u uc : R) : R := e + (u + uc) * (Rabs cn + e) * (1 + u).
(* F9, cell.hidden_state *)
Definition hidden_product_error (o tau do dt : R) : R := do * (Rabs tau + dt) + o * dt.
Definition hidden_error (eh h u uh eta : R) : R := eh + (u + uh) * (Rabs h + eh) * (1 + u) + eta.

Lemma act_two u r ab eta u' r' eta' p ph yh y d :
  0 <= u -> 0 <= u' -> 0 <= r -> 0 <= r' -> 0 <= eta' -> 0 <= ab ->
  r' * (1 + r * (u + u')) <= r -> r * u + 2 * (r' * u') <= 1 ->
  Rabs (ph - p) <= d ->
  Rabs (yh - ph) <= r * u * Rabs ph + ab * u + eta ->      (* the implementation's activation *)
  Rabs (y - p) <= r' * u' * Rabs p + eta' ->               (* the oracle's activation *)
  Rabs (yh - y) <= d + r * (u + u') * (Rabs y + d) + ab * (u + u') + (eta + 2 * eta').
Proof.
  intros Hu Hu' Hr Hr' He' Hab C1 C2 Hp Hb Ho.
  assert (Hd : 0 <= d) by (pose proof (Rabs_pos (ph - p)); lra).
  assert (Hru : 0 <= r * u) by (apply Rmult_le_pos; lra).
  assert (Hru' : 0 <= r * u') by (apply Rmult_le_pos; lra).
  assert (Hku' : 0 <= r' * u') by (apply Rmult_le_pos; lra).
  assert (Habu : 0 <= ab * u') by (apply Rmult_le_pos; lra).
  pose proof (Rabs_near _ _ _ Hp) as Np. pose proof (Rabs_pos p) as Pp. pose proof (Rabs_pos y) as Py.
  assert (Ny : (1 - r' * u') * Rabs p <= Rabs y + eta').
  { rewrite Rabs_minus_sym in Ho. pose proof (Rabs_near _ _ _ Ho). lra. }
  assert (T : Rabs (yh - y) <= Rabs (yh - ph) + Rabs (ph - p) + Rabs (y - p)).
  { replace (yh - y) with ((yh - ph) + (ph - p) + - (y - p)) by ring.
    eapply Rle_trans; [apply Rabs_triang|]. rewrite Rabs_Ropp.
    pose proof (Rabs_triang (yh - ph) (ph - p)). lra. }
  assert (B1 : r * u * Rabs ph <= r * u * (Rabs p + d)) by (apply Rmult_le_compat_l; lra).
  (* (r u + r' u') |p| <= r (u+u') |y| + eta' *)
  assert (K : r * u + r' * u' <= (1 - r' * u') * (r * (u + u'))).
  { assert (0 <= u' * (r - r' * (1 + r * (u + u')))) by (apply Rmult_le_pos; lra). lra. }
  assert (B2 : (r * u + r' * u') * Rabs p <= r * (u + u') * Rabs y + eta').
  { assert (Hpos : 0 < 1 - r' * u') by lra.
    apply (Rmult_le_reg_l (1 - r' * u')); [lra|].
    apply Rle_trans with ((r * u + r' * u') * (Rabs y + eta')).
    - replace ((1 - r' * u') * ((r * u + r' * u') * Rabs p)) with ((r * u + r' * u') * ((1 - r' * u') * Rabs p)) by
      ring.
      apply Rmult_le_compat_l; lra.
    - assert ((r * u + r' * u') * Rabs y <= (1 - r' * u') * (r * (u + u')) * Rabs y) by (apply Rmult_le_compat_r; lra).
      assert ((r * u + r' * u') * eta' <= (1 - r' * u') * eta') by (apply Rmult_le_compat_r; lra). lra. }
  assert (B3 : 0 <= r * u' * d) by (apply Rmult_le_pos; lra).
  lra.
Qed.

Section Act.
Variables (u eta u' eta' ETA : R).
Hypothesis Hu : 0 <= u. Hypothesis Hu' : 0 <= u'. Hypothesis He' : 0 <= eta'.
Hypothesis HETA : eta + 2 * eta' <= ETA.

Theorem sigmoid_act r ab r' a ah da yh y :
  0 <= r -> 0 <= r' -> 0 <= ab -> r' * (1 + r * (u + u')) <= r -> r * u + 2 * (r' * u') <= 1 ->
  Rabs (ah - a) <= da ->
  Rabs (yh - sigma ah) <= r * u * Rabs (sigma ah) + ab * u + 2 * eta ->
  Rabs (y - sigma a) <= r' * u' * Rabs (sigma a) + eta' ->
  Rabs (yh - y) <= activation_error (sigmoid_slope (nearest_to_zero a da)) da r (u + u') y ab ETA.
Proof.
  intros. unfold activation_error. rewrite sigmoid_slope_ok.
  assert (D : Rabs (sigma ah - sigma a) <= Rmin (dsig (nearest_to_zero a da) * da) 2).
  { apply Rmin_glb. now apply sigma_encl. apply sigma_cap. }
  pose proof (act_two u r ab (2 * eta) u' r' eta' (sigma a) (sigma ah) yh y _ Hu Hu' H H0 He' H1 H2 H3 D H5 H6). lra.
Qed.

Theorem tanh_act r ab r' a ah da yh y :
  0 <= r -> 0 <= r' -> 0 <= ab -> r' * (1 + r * (u + u')) <= r -> r * u + 2 * (r' * u') <= 1 ->
  Rabs (ah - a) <= da ->
  Rabs (yh - tanh ah) <= r * u * Rabs (tanh ah) + ab * u + 2 * eta ->
  Rabs (y - tanh a) <= r' * u' * Rabs (tanh a) + eta' ->
  Rabs (yh - y) <= activation_error (tanh_slope (nearest_to_zero a da)) da r (u + u') y ab ETA.
Proof.
  intros. unfold activation_error. rewrite tanh_slope_ok.
  assert (D : Rabs (tanh ah - tanh a) <= Rmin (dtanh (nearest_to_zero a da) * da) 2).
  { apply Rmin_glb. now apply tanh_encl. apply tanh_cap. }
  pose proof (act_two u r ab (2 * eta) u' r' eta' (tanh a) (tanh ah) yh y _ Hu Hu' H H0 He' H1 H2 H3 D H5 H6). lra.
Qed.
End Act.

(* c_t. a and b are what the implementation's addition and storage may lose to underflow, a' the oracle's addition.
   They are 0 under gradual underflow, and under flush-to-zero by FlushToZero.v; so the formulas have no such term. *)
Theorem cell_c u uc eta a b u' eta' a' ETA i f g c di df dg E ih fh gh ch p q s cnh p' q' cn :
  0 <= u -> 0 <= uc -> 0 <= u' -> 0 <= a -> 0 <= a' -> u' <= u -> u + u' + uc <= 1 ->
  eta + eta' <= ETA -> 0 <= i -> 0 <= f ->
  Rabs (ih - i) <= di -> Rabs (fh - f) <= df -> Rabs (gh - g) <= dg -> Rabs (ch - c) <= E ->
  rnd u eta (fh * ch) p -> rnd u eta (ih * gh) q -> rnd u a (p + q) s -> rnd uc b s cnh ->
  rnd u' eta' (f * c) p' -> rnd u' eta' (i * g) q' -> rnd u' a' (p' + q') cn ->
  Rabs (cnh - cn) <= cell_error (cell_sum_error i f g c di df dg E (u + u') ETA) cn (u + u') uc + (a * (1 + uc) + b + 3
    * a').
Proof.
  intros Hu Huc Hu' Ha Ha' Hle H1 HETA Hi Hf Di Df Dg Dc Rp Rq Rs Rt Rp' Rq' Rc.
  pose proof (prod2 _ _ _ _ _ _ Df Dc) as PF. rewrite (Rabs_pos_eq f) in PF by lra.
  pose proof (prod2 _ _ _ _ _ _ Di Dg) as PI. rewrite (Rabs_pos_eq i) in PI by lra.
  pose proof (rnd2 _ _ _ _ _ _ _ _ _ Hu Hu' PF Rp Rp') as QF.
  pose proof (rnd2 _ _ _ _ _ _ _ _ _ Hu Hu' PI Rq Rq') as QI.
  rewrite Rabs_mult, (Rabs_pos_eq f) in QF by lra. rewrite Rabs_mult, (Rabs_pos_eq i) in QI by lra.
  assert (Z : Rabs ((p + q) - (p' + q')) <= cell_sum_error i f g c di df dg E (u + u') ETA).
  { replace ((p + q) - (p' + q')) with ((p - p') + (q - q')) by ring.
    eapply Rle_trans; [apply Rabs_triang|]. unfold cell_sum_error. lra. }
  pose proof (rnd_store u a uc b u' a' _ _ _ s cnh cn Hu Huc Hu' Ha Ha' Hle H1 Z Rs Rt Rc) as F.
  unfold cell_error. lra.
Qed.

(* h_t. One ETA covers one underflow of the product where h is not stored separately (uh = b = 0). *)
Theorem cell_h u uh eta b u' eta' ETA o tau do dt oh tauh s hh h :
  0 <= u -> 0 <= uh -> 0 <= u' -> 0 <= eta -> 0 <= eta' -> u' <= u -> u + u' + uh <= 1 ->
  eta * (1 + uh) + b + 3 * eta' <= ETA -> 0 <= o ->
  Rabs (oh - o) <= do -> Rabs (tauh - tau) <= dt ->
  rnd u eta (oh * tauh) s -> rnd uh b s hh -> rnd u' eta' (o * tau) h ->
  Rabs (hh - h) <= hidden_error (hidden_product_error o tau do dt) h (u + u') uh ETA.
Proof.
  intros Hu Huh Hu' He He' Hle H1 HETA Ho Do Dt Rs Rt Rh.
  pose proof (prod2 _ _ _ _ _ _ Do Dt) as P. rewrite (Rabs_pos_eq o) in P by lra.
  pose proof (rnd_store u eta uh b u' eta' _ _ _ s hh h Hu Huh Hu' He He' Hle H1 P Rs Rt Rh) as F.
  unfold hidden_error, hidden_product_error in *. lra.
Qed.
