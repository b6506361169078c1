<loop>
<table>
<thead><tr>
<th scope="col">Date</th>
<th scope="col">What</th>
<?if with_contact?><th scope="col">With</th><?end?>
</tr></thead>
<tbody>
<?begin?>
<tr>
<td class="tight"><time datetime="{date}">{day}</time></td>
<th scope="row"><a href="/appointment/{appointment}" dir="auto">{note}</a></th>
<?if with_contact?><td><?if contact?><a href="/contact/{contact}" dir="auto">{name}</a><?end?></td><?end?>
</tr>
<?end?>
</tbody>
</table>
<?else?>
<p>There are no appointments.</p>
</loop>
